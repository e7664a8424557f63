//! A phone without a screen: the library for native apps and the command-line phone.
