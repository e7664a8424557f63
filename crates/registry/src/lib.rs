//! Use cases of the registry: users, clients, devices, enrolment.
