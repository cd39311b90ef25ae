"""Sessions: where a candidate runs. A session maps a trial to an observation."""
