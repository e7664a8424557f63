//! What takes more than one command: two scripts, known to the server by their hash.

use std::sync::LazyLock;

use redis::{Cmd, Script};

/// A script and its hash.
pub(crate) struct Known {
    source: &'static str,
    hash: String,
}

/// `KEYS[1]` the slot, `ARGV` the version seen, the new value with its version, the time to live in milliseconds or
/// nothing to keep it. Answers 1 when it was written. An absent slot has the version ''.
pub(crate) static SWAP: LazyLock<Known> = LazyLock::new(|| {
    Known::new(
        "if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then return 0 end
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1",
    )
});

/// `KEYS[1]` the counter, `ARGV` the amount, the window in milliseconds. Answers the sum and what is left of the
/// window; the amount 0 only reads.
pub(crate) static COUNT: LazyLock<Known> = LazyLock::new(|| {
    Known::new(
        "if ARGV[1] == '0' then
  local sum = redis.call('GET', KEYS[1])
  if not sum then return {0, 0} end
  return {tonumber(sum), redis.call('PTTL', KEYS[1])}
end
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return {sum, left}",
    )
});

impl Known {
    fn new(source: &'static str) -> Self {
        Self { source, hash: Script::new(source).get_hash().to_owned() }
    }

    /// Runs it by its hash. A server that does not know it has done nothing and says so.
    pub(crate) fn by_hash(&self, key: &str) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(1).arg(key);
        command
    }

    /// Runs it by its text, which makes it known.
    pub(crate) fn by_text(&self, key: &str) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(self.source).arg(1).arg(key);
        command
    }
}
