"""What Streamlit's own widgets say, in the reader's language: it has no option for that, so the strip exchanges the words."""

from typing import Final

from crm.core.i18n import N_

LABELS: Final = {
    "Choose an option": N_("Choose"),
    "Choose date": N_("Choose a day"),
    "Clear value": N_("Clear"),
    "Close": N_("Close"),
    "Collapse sidebar": N_("Close the menu"),
    "Copy to clipboard": N_("Copy"),
    "Decrement": N_("One less"),
    "Dismiss": N_("Close"),
    "Expand sidebar": N_("Open the menu"),
    "Hide password": N_("Hide the password"),
    "Increment": N_("One more"),
    "file upload": N_("Choose a file"),
    "Link to heading": N_("Link to this heading"),
    "Logo": N_("Logo"),
    "Navigate to home page": N_("To the first page"),
    "App pages": N_("Menu"),
    "Next month": N_("Next month"),
    "Open": N_("Open the list"),
    "Previous month": N_("Previous month"),
    "Show password": N_("Show the password"),
    "Sidebar": N_("Menu"),
}
"""Names of controls, which screen readers speak and hints show."""

STARTS: Final = {
    "Help for ": N_("Help:"),
    "day, ": N_("day,"),
    "month, ": N_("month,"),
    "year, ": N_("year,"),
}
"""How such names begin, where the rest is a label of ours."""

TEXTS: Final = {
    "Connection error": N_("No connection to Rapport"),
    "Is Streamlit still running? If you accidentally stopped Streamlit, just restart it in your terminal:": N_(
        "What you typed is kept. Rapport goes on by itself as soon as the server answers."
    ),
    "No results": N_("Nothing found"),
    "Page not found": N_("There is no such page"),
    "Skip to main content": N_("Skip to the content"),
    "The page that you have requested does not seem to exist. Running the app's main page.": N_(
        "It does not exist, or it is not part of your role. Here is the first page instead."
    ),
    "Upload": N_("Choose a file"),
}
"""What is written on the screen."""

HIDDEN: Final = ('[data-testid="InputInstructions"]',)
"""What is better left away: the hint under every field which key sends the form."""
