"""Result files of tests and of coverage, as other tools write them: text from outside, read within bounds."""
