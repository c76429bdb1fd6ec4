-- The checkpoint of the log that was signed last (docs/proof.md), for the nodes that sign it. Runs
-- once, in one transaction, with the log's schema as the search_path; also for a log that was
-- created without it.

CREATE TABLE signed_checkpoint (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    note text
);
COMMENT ON TABLE signed_checkpoint IS 'One row: the checkpoint that was signed last, once there is one.';
INSERT INTO signed_checkpoint DEFAULT VALUES;

CREATE TRIGGER refuse_change BEFORE DELETE ON signed_checkpoint
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON signed_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE signed_checkpoint ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE signed_checkpoint ENABLE ALWAYS TRIGGER refuse_truncate;

-- Keeps `next` if `last` is the checkpoint that is kept, or null before the first, and returns
-- whether it was. So of two nodes that continue the same checkpoint one does.
CREATE FUNCTION replace_checkpoint(last text, next text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
    SET search_path FROM CURRENT
    SET lock_timeout = '5s'
AS $$
DECLARE
    kept text;
BEGIN
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    SELECT note INTO STRICT kept FROM signed_checkpoint FOR UPDATE;
    IF kept IS DISTINCT FROM last THEN
        RETURN false;
    END IF;
    UPDATE signed_checkpoint SET note = next;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION replace_checkpoint FROM PUBLIC;
