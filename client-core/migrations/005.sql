-- Keys that are not kept here, and forms that are being filled in.

-- What the server knows the device by, where its secret is kept elsewhere: `key_seed` is empty then, and whoever keeps the
-- secret is asked to sign.
ALTER TABLE identity ADD COLUMN public_key BLOB;

-- A batch that is yet to be signed is kept with an empty signature; it has not left the device.
ALTER TABLE batches ADD COLUMN signed INTEGER NOT NULL DEFAULT 1;

-- What someone was typing, by the form it was typed into. Only the form knows what it means.
CREATE TABLE unfinished (
    form      TEXT PRIMARY KEY,
    typed     TEXT NOT NULL,
    typed_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
