"""What exists: thin Dagster assets and checks. They gather, call one library function and report.

Modules here import dagster and the standard library and nothing heavier; what computes is imported inside the assets,
so that loading the definitions takes two seconds and not twenty.
"""
