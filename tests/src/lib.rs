//! Nothing by itself: the tests are the four programs beside this file.
