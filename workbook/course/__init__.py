"""For instructors and maintainers: execute the notebooks, cut the learner's copies, grade."""
