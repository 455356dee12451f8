BEGIN TRANSACTION;
CREATE TABLE access_code (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study(id),
    reader INTEGER REFERENCES reader(id),
    public TEXT NOT NULL UNIQUE,
    salt BLOB NOT NULL,
    hash BLOB NOT NULL,
    issued_at TEXT NOT NULL
);
INSERT INTO "access_code" VALUES(1,1,NULL,'SP8ZA',X'5067F41252C21A433EB6336981EE8EF5',X'6BC965C010198472D7CB1A1E13EA35D4151DACF2025CB06DB9A77D133D353391','2024-03-01T09:00:00.000000+00:00');
INSERT INTO "access_code" VALUES(2,1,1,'7V55M',X'FA6CD2D34DDCD8C58910F84AEB4218B9',X'308C5ED5C872065A4C5F8FCFFC4B01B3E5560AFC188021A397A8B9607F6B453A','2024-03-01T09:00:00.000000+00:00');
CREATE TABLE answer (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study(id),
    slot INTEGER NOT NULL UNIQUE REFERENCES slot(id),
    confidences TEXT NOT NULL,
    openings INTEGER NOT NULL,
    opened_at TEXT NOT NULL,
    committed_at TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (study, previous_hash)
);
INSERT INTO "answer" VALUES(1,1,1,'{"hemorrhagic": 4}',2,'2024-03-01T09:05:00.000000+00:00','2024-03-01T09:05:20.000000+00:00','43329a3462ec6ff028d0920aa0986b21655539caa8cf81769231922c492faf62','889ead12f16024e371fb61052c38dc11f7e9cf4d90ca660d3259a42e2e6796e1');
CREATE TABLE network_result (
    id INTEGER PRIMARY KEY,
    study_case INTEGER NOT NULL UNIQUE REFERENCES study_case(id),
    message TEXT NOT NULL,
    reading TEXT,
    maps BLOB,
    read_at TEXT NOT NULL
);
INSERT INTO "network_result" VALUES(1,1,'','{"model": "net", "version": "1", "findings": {"hemorrhagic": [0.8, 0.3]}, "slices": [[0, 0.8, null]]}',X'504B03042D00000008000000210047838BC0FFFFFFFFFFFFFFFF0F00140068656D6F727268616769632E6E70790100100084000000000000004A000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A05E536AA8AEA3A09E965F54529498179F5F94920A12774BCC294E058A17672416A402F91A863A0A4640A4A9A350AB401EE062000200504B01022D032D00000008000000210047838BC04A000000840000000F000000000000000000000080010000000068656D6F727268616769632E6E7079504B050600000000010001003D0000008B0000000000','2024-03-01T09:00:00.000000+00:00');
CREATE TABLE opening (
    id INTEGER PRIMARY KEY,
    slot INTEGER NOT NULL REFERENCES slot(id),
    opened_at TEXT NOT NULL
);
INSERT INTO "opening" VALUES(1,1,'2024-03-01T09:00:00.000000+00:00');
INSERT INTO "opening" VALUES(2,1,'2024-03-01T09:05:00.000000+00:00');
CREATE TABLE reader (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study(id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (study, number),
    UNIQUE (study, name)
);
INSERT INTO "reader" VALUES(1,1,1,'A');
CREATE TABLE slot (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES reader(id),
    session INTEGER NOT NULL CHECK (session IN (1, 2)),
    position INTEGER NOT NULL,
    study_case INTEGER NOT NULL REFERENCES study_case(id),
    aided INTEGER NOT NULL CHECK (aided IN (0, 1)),
    UNIQUE (reader, session, position),
    UNIQUE (reader, session, study_case)
);
INSERT INTO "slot" VALUES(1,1,1,1,2,0);
INSERT INTO "slot" VALUES(2,1,1,2,1,0);
CREATE TABLE study (
    id INTEGER PRIMARY KEY,
    definition TEXT NOT NULL,
    definition_hash TEXT NOT NULL,
    created_at TEXT NOT NULL
);
INSERT INTO "study" VALUES(1,'{"design": "once", "positive_from": 4, "questions": {"hemorrhagic": "Is there a bleed?"}, "seed": 1, "title": "Pilot", "washout_days": 0.0}','43329a3462ec6ff028d0920aa0986b21655539caa8cf81769231922c492faf62','2024-03-01T09:00:00.000000+00:00');
CREATE TABLE study_case (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study(id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    paths TEXT NOT NULL,
    truth TEXT NOT NULL,
    UNIQUE (study, number),
    UNIQUE (study, name)
);
INSERT INTO "study_case" VALUES(1,1,1,'case 0','folder','["set/0"]','{"hemorrhagic": false, "ischemic": null}');
INSERT INTO "study_case" VALUES(2,1,2,'case 1','folder','["set/1"]','{"hemorrhagic": true, "ischemic": null}');
CREATE TRIGGER study_no_update BEFORE UPDATE ON study BEGIN SELECT RAISE(ABORT, 'study is append-only'); END;
CREATE TRIGGER study_no_delete BEFORE DELETE ON study BEGIN SELECT RAISE(ABORT, 'study is append-only'); END;
CREATE TRIGGER study_no_replace BEFORE INSERT ON study WHEN EXISTS (SELECT 1 FROM study WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'study is append-only'); END;
CREATE TRIGGER study_case_no_update BEFORE UPDATE ON study_case BEGIN SELECT RAISE(ABORT, 'study_case is append-only'); END;
CREATE TRIGGER study_case_no_delete BEFORE DELETE ON study_case BEGIN SELECT RAISE(ABORT, 'study_case is append-only'); END;
CREATE TRIGGER study_case_no_replace BEFORE INSERT ON study_case WHEN EXISTS (SELECT 1 FROM study_case WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'study_case is append-only'); END;
CREATE TRIGGER reader_no_update BEFORE UPDATE ON reader BEGIN SELECT RAISE(ABORT, 'reader is append-only'); END;
CREATE TRIGGER reader_no_delete BEFORE DELETE ON reader BEGIN SELECT RAISE(ABORT, 'reader is append-only'); END;
CREATE TRIGGER reader_no_replace BEFORE INSERT ON reader WHEN EXISTS (SELECT 1 FROM reader WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'reader is append-only'); END;
CREATE TRIGGER access_code_no_update BEFORE UPDATE ON access_code BEGIN SELECT RAISE(ABORT, 'access_code is append-only'); END;
CREATE TRIGGER access_code_no_delete BEFORE DELETE ON access_code BEGIN SELECT RAISE(ABORT, 'access_code is append-only'); END;
CREATE TRIGGER access_code_no_replace BEFORE INSERT ON access_code WHEN EXISTS (SELECT 1 FROM access_code WHERE id = NEW.id OR public = NEW.public) BEGIN SELECT RAISE(ABORT, 'access_code is append-only'); END;
CREATE TRIGGER slot_no_update BEFORE UPDATE ON slot BEGIN SELECT RAISE(ABORT, 'slot is append-only'); END;
CREATE TRIGGER slot_no_delete BEFORE DELETE ON slot BEGIN SELECT RAISE(ABORT, 'slot is append-only'); END;
CREATE TRIGGER slot_no_replace BEFORE INSERT ON slot WHEN EXISTS (SELECT 1 FROM slot WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'slot is append-only'); END;
CREATE TRIGGER opening_no_update BEFORE UPDATE ON opening BEGIN SELECT RAISE(ABORT, 'opening is append-only'); END;
CREATE TRIGGER opening_no_delete BEFORE DELETE ON opening BEGIN SELECT RAISE(ABORT, 'opening is append-only'); END;
CREATE TRIGGER opening_no_replace BEFORE INSERT ON opening WHEN EXISTS (SELECT 1 FROM opening WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'opening is append-only'); END;
CREATE TRIGGER answer_no_update BEFORE UPDATE ON answer BEGIN SELECT RAISE(ABORT, 'answer is append-only'); END;
CREATE TRIGGER answer_no_delete BEFORE DELETE ON answer BEGIN SELECT RAISE(ABORT, 'answer is append-only'); END;
CREATE TRIGGER answer_no_replace BEFORE INSERT ON answer WHEN EXISTS (SELECT 1 FROM answer WHERE id = NEW.id OR slot = NEW.slot) BEGIN SELECT RAISE(ABORT, 'answer is append-only'); END;
CREATE TRIGGER network_result_no_update BEFORE UPDATE ON network_result BEGIN SELECT RAISE(ABORT, 'network_result is append-only'); END;
CREATE TRIGGER network_result_no_delete BEFORE DELETE ON network_result BEGIN SELECT RAISE(ABORT, 'network_result is append-only'); END;
CREATE TRIGGER network_result_no_replace BEFORE INSERT ON network_result WHEN EXISTS (SELECT 1 FROM network_result WHERE id = NEW.id OR study_case = NEW.study_case) BEGIN SELECT RAISE(ABORT, 'network_result is append-only'); END;
COMMIT;
PRAGMA user_version = 1;
