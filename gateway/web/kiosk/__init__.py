"""The kiosk's screen: one page, one person at a time, and nothing of them once they have gone.

The page is one address for everything, so its history tells nothing. A script swaps what is inside
it whenever the turn changes, of which the server tells it; without scripts the page reloads itself.
Every form names the session it was made for: what one person left on the screen cannot act on the
next one's turn.
"""
