//! The endpoints relying parties call.
