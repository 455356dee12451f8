"""Make synthetic head studies with known lesions: CT, FLAIR and diffusion, as files a scanner would send."""

from __future__ import annotations

from model_training.phantom.studies import PLANS, PhantomStudy, StudyName, StudyPlan, generate
from model_training.phantom.write import write_demonstrations, write_study

__all__ = ["PLANS", "PhantomStudy", "StudyName", "StudyPlan", "generate", "write_demonstrations", "write_study"]
