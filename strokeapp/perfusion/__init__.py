"""Tracer kinetics: concentration curves of a bolus become blood flow, blood volume and transit times."""
