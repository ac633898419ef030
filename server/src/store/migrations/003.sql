-- Which version of the program a device runs.

ALTER TABLE devices ADD COLUMN runs TEXT;
