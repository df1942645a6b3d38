"""The Parquet lake and the only code that speaks SQL."""
