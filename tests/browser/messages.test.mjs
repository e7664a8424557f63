// What the phone's scripts sign is what the service expects, byte for byte. No browser is needed for that.

import "../../crates/phone-client/testdata/messages.test.mjs";
