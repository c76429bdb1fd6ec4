-- The log of cartlog in PostgreSQL, format 1. Runs once, in one transaction, with the log's schema
-- as the search_path.

CREATE TABLE log (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    format integer NOT NULL,
    log_id uuid NOT NULL DEFAULT gen_random_uuid(),
    secret_digest bytea CHECK (octet_length(secret_digest) = 32)
);
COMMENT ON TABLE log IS 'One row: the identity of the log. append() locks it, one group at a time.';
INSERT INTO log (format) VALUES (1);

CREATE TABLE commits (
    sequence bigint PRIMARY KEY CHECK (sequence > 0),
    stream uuid NOT NULL,
    first_version bigint NOT NULL CHECK (first_version > 0),
    last_version bigint NOT NULL CHECK (last_version >= first_version),
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    chain bytea NOT NULL CHECK (octet_length(chain) = 32),
    metadata text NOT NULL,
    events text NOT NULL,
    UNIQUE (stream, first_version)
);
COMMENT ON TABLE commits IS 'One row a command: its events as a JSON array, in the order of the log.';
COMMENT ON COLUMN commits.previous_hash IS 'hash of the stream''s commit before; zeros at first.';
COMMENT ON COLUMN commits.hash IS 'Hash of the last event, which identifies the commit.';
COMMENT ON COLUMN commits.chain IS 'SHA-256 of the chain of the commit before and of hash.';
COMMENT ON COLUMN commits.events IS 'Text, not jsonb: the hashes are over the exact bytes.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: the log is never changed, deleted or replaced',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON commits
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON commits
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OF log_id OR DELETE ON log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Also for a session that replays changes, where ordinary triggers are silent.
ALTER TABLE commits ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE commits ENABLE ALWAYS TRIGGER refuse_truncate;
ALTER TABLE log ENABLE ALWAYS TRIGGER refuse_change;
ALTER TABLE log ENABLE ALWAYS TRIGGER refuse_truncate;

-- Appends a group of commits, each accepted at its expected version or refused by itself.
--
-- `reached` is the last sequence in the log afterwards. A commit that was accepted has its sequence
-- in `sequences` and its rolling hash in `chains`, also one that was accepted before: the same
-- commit is never written twice. A commit that was refused has null there, and in `conflicts` the
-- sequence of its stream's last commit, or null if the stream has none.
--
-- A call without commits changes nothing, but is acknowledged like a commit.
CREATE FUNCTION append(
    streams uuid[],
    first_versions bigint[],
    last_versions bigint[],
    previous_hashes bytea[],
    hashes bytea[],
    commits_metadata text[],
    commits_events text[],
    OUT reached bigint,
    OUT sequences bigint[],
    OUT chains bytea[],
    OUT conflicts bigint[]
) LANGUAGE plpgsql SECURITY DEFINER
    SET search_path FROM CURRENT
    -- The plans are made while the table is small and kept after it has grown.
    SET enable_seqscan = off
    -- Less than the time-out of the callers: an expired wait is then a refusal and not unknown.
    SET lock_timeout = '5s'
AS $$
DECLARE
    zero CONSTANT bytea := decode(repeat('00', 32), 'hex');
    last record;
    head record;
    same record;
    rolling bytea;
BEGIN
    -- In a statement of its own, so that the next ones see what the group before has committed. The
    -- lock orders the groups of all nodes and rules deadlocks out. It also gives the transaction an
    -- id, without which nothing would wait for the standbys.
    PERFORM FROM log FOR UPDATE;
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    SELECT sequence, chain INTO last FROM commits ORDER BY sequence DESC LIMIT 1;
    reached := coalesce(last.sequence, 0);
    rolling := coalesce(last.chain, zero);
    sequences := '{}';
    chains := '{}';
    conflicts := '{}';
    FOR i IN 1 .. cardinality(streams) LOOP
        SELECT sequence, last_version, hash INTO head FROM commits
            WHERE stream = streams[i] ORDER BY first_version DESC LIMIT 1;
        -- The hash too: after a failover that lost commits, a version alone could match another
        -- history.
        IF coalesce(head.last_version, 0) = first_versions[i] - 1
            AND coalesce(head.hash, zero) = previous_hashes[i]
        THEN
            reached := reached + 1;
            rolling := sha256(rolling || hashes[i]);
            INSERT INTO commits VALUES (reached, streams[i], first_versions[i], last_versions[i],
                previous_hashes[i], hashes[i], rolling, commits_metadata[i], commits_events[i]);
            sequences := array_append(sequences, reached);
            chains := array_append(chains, rolling);
            conflicts := array_append(conflicts, NULL);
        ELSE
            SELECT sequence, chain INTO same FROM commits
                WHERE stream = streams[i] AND first_version = first_versions[i]
                    AND hash = hashes[i];
            sequences := array_append(sequences, same.sequence);
            chains := array_append(chains, same.chain);
            conflicts := array_append(conflicts, head.sequence);
        END IF;
    END LOOP;
    IF reached > coalesce(last.sequence, 0) THEN
        PERFORM pg_notify(current_schema(), reached::text);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION append FROM PUBLIC;
