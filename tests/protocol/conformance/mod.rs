//! The checklist of the OpenID Connect certification plans, row by row, held against the provider over https as the
//! official suite does it: a scripted browser without JavaScript, and a relying party that shares no code with us.
//!
//! Owns: the plans and their rows (`table`), the modules, and the checks that every flow passes through. What only
//! warns in the suite fails here. Each row is a test `PLAN::MODULE` that runs for every response type of its plan.
//! Not here: endpoints one by one (the other modules of this program), foreign clients (`tests/clients`).

mod check;
mod claims;
mod flow;
mod house;
mod keys;
mod modules;
mod party;
mod plans;
mod table;
mod visitor;
