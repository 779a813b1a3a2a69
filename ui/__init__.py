"""What several screens share; with app.py and pages/ the only code that imports Streamlit."""
