-- Whether the device saves data: of a feed that it has nothing of, it fetches the open records only.
ALTER TABLE identity ADD COLUMN saves_data INTEGER NOT NULL DEFAULT 0;
