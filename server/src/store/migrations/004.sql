-- How many changes a device held that were not answered, when it was gone again last.

ALTER TABLE devices ADD COLUMN unsent INTEGER NOT NULL DEFAULT 0;
