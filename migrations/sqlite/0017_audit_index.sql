-- contracts: 0016 audit_by_account leads to the same entries, in their order: each sign-in writes one index less.
DROP INDEX audit_of_account;
