-- Whose device it was before the key that it signed with was lost; until somebody enrols with another.
ALTER TABLE identity ADD COLUMN person_before BLOB;
ALTER TABLE identity ADD COLUMN name_before TEXT;
