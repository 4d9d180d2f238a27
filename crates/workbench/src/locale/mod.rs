//! Words, money, dates and plurals in the languages of buyers.
