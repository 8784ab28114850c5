"""The command line, the project file, the pipeline of stages and the report."""
