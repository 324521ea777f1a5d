"""What happened becomes an event with its deliveries in the transaction in which it happened, by whatever code (ADR 0016).

The functions are shared: they stand in `public` and are told by their trigger in which schema they work. Where no endpoint asks
for an event, nothing is written.
"""

from django.db import migrations

FUNCTIONS = r"""
CREATE OR REPLACE FUNCTION public.outgoing_wanted(home text, kinds text[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE found boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I.outgoing_endpoint WHERE off = '''' AND events && $1::varchar[])', home)
        INTO found USING kinds;
    RETURN found;
END $$;

CREATE OR REPLACE FUNCTION public.outgoing_tell(home text, kind text, facts jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($sql$
        WITH asking AS (
            SELECT id FROM %1$I.outgoing_endpoint WHERE off = '' AND events @> ARRAY[$2]::varchar[]
        ), happened AS (
            INSERT INTO %1$I.outgoing_event (id, type, data, body, at)
            SELECT $1, $2, $3, '', clock_timestamp() WHERE EXISTS (SELECT 1 FROM asking)
        ), written AS (
            INSERT INTO %1$I.outgoing_delivery
                (id, endpoint_id, event_id, state, at, next_at, attempts, error, answer, tries)
            SELECT gen_random_uuid(), id, $1, 'waiting', clock_timestamp(), clock_timestamp(), 0, '', '', '[]'::jsonb
            FROM asking
        )
        INSERT INTO public.scheduling_told (endpoint_id) SELECT id FROM asking
    $sql$, home) USING gen_random_uuid(), kind, facts;
END $$;

CREATE OR REPLACE FUNCTION public.outgoing_integration(home text, wanted uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE found jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_build_object(''integration'', jsonb_build_object(''id'', id, ''name'', name, ''provider'', provider))'
                   ' FROM %I.integrations_integrationinstance WHERE id = $1', home) INTO found USING wanted;
    RETURN coalesce(found, '{}'::jsonb);
END $$;

CREATE OR REPLACE FUNCTION public.outgoing_stream(home text, wanted uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE found record;
BEGIN
    EXECUTE format('SELECT id, collection_name, entity, integration_id FROM %I.integrations_stream WHERE id = $1', home)
        INTO found USING wanted;
    RETURN public.outgoing_integration(home, found.integration_id) || jsonb_build_object(
        'stream', jsonb_build_object('id', found.id, 'collection', found.collection_name, 'entity', found.entity));
END $$;

CREATE OR REPLACE FUNCTION public.outgoing_run_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE kind text := CASE NEW.state WHEN 'failed' THEN 'run.failed' ELSE 'run.finished' END;
BEGIN
    IF NEW.state IN ('done', 'failed', 'cancelled') AND public.outgoing_wanted(TG_TABLE_SCHEMA, ARRAY[kind]) THEN
        PERFORM public.outgoing_tell(TG_TABLE_SCHEMA, kind,
            public.outgoing_integration(TG_TABLE_SCHEMA, NEW.integration_id) || jsonb_build_object(
                'run', jsonb_build_object('id', NEW.id, 'state', NEW.state, 'trigger', NEW.trigger,
                                          'started_at', NEW.started_at, 'ended_at', NEW.ended_at, 'error', NEW.error_code),
                'counts', NEW.counts));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION public.outgoing_integration_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE kind text;
BEGIN
    kind := CASE
        WHEN NEW.status = 'paused' AND OLD.status <> 'paused' AND OLD.status <> 'draft' THEN 'integration.paused'
        WHEN NEW.status = 'attention' AND OLD.status <> 'attention' THEN 'integration.stopped'
        WHEN NEW.status = 'active' AND OLD.status IN ('paused', 'attention') THEN 'integration.recovered'
        WHEN NEW.status = 'active' AND OLD.status = 'active' AND NEW.warned_at IS NULL AND OLD.warned_at IS NOT NULL
            THEN 'integration.recovered'
        WHEN NEW.warned_at IS NOT NULL AND OLD.warned_at IS NULL THEN 'integration.failing'
    END;
    IF kind IS NOT NULL AND public.outgoing_wanted(TG_TABLE_SCHEMA, ARRAY[kind]) THEN
        PERFORM public.outgoing_tell(TG_TABLE_SCHEMA, kind, jsonb_build_object(
            'integration', jsonb_build_object('id', NEW.id, 'name', NEW.name, 'provider', NEW.provider),
            'status', NEW.status, 'reason', NEW.status_code, 'failing_since', NEW.failing_since));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION public.outgoing_conflicts_met() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE part record;
BEGIN
    IF NOT public.outgoing_wanted(TG_TABLE_SCHEMA, ARRAY['conflict.opened', 'conflict.settled']) THEN
        RETURN NULL;
    END IF;
    FOR part IN
        SELECT stream_id, state, count(*) AS number, count(*) FILTER (WHERE critical) AS critical,
               (array_agg(id ORDER BY id))[1:50] AS ids, array_agg(DISTINCT field) AS fields
        FROM new_rows GROUP BY stream_id, state
    LOOP
        PERFORM public.outgoing_tell(
            TG_TABLE_SCHEMA, CASE part.state WHEN 'open' THEN 'conflict.opened' ELSE 'conflict.settled' END,
            public.outgoing_stream(TG_TABLE_SCHEMA, part.stream_id) || jsonb_build_object(
                'state', part.state, 'by', CASE part.state WHEN 'open' THEN NULL ELSE 'rule' END,
                'count', part.number, 'critical', part.critical, 'conflicts', part.ids, 'fields', part.fields));
    END LOOP;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION public.outgoing_conflicts_settled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE part record;
BEGIN
    IF NOT public.outgoing_wanted(TG_TABLE_SCHEMA, ARRAY['conflict.settled']) THEN
        RETURN NULL;
    END IF;
    FOR part IN
        SELECT n.stream_id, count(*) AS number, count(*) FILTER (WHERE n.critical) AS critical,
               CASE WHEN n.settled_by = '' THEN 'rule'
                    WHEN n.settled_by IN ('agreed', 'gone', 'unmapped', 'restarted') THEN 'itself' ELSE 'person' END AS how,
               (array_agg(n.id ORDER BY n.id))[1:50] AS ids, array_agg(DISTINCT n.field) AS fields
        FROM new_rows n JOIN old_rows o USING (id)
        WHERE o.state = 'open' AND n.state = 'settled' GROUP BY 1, 4
    LOOP
        PERFORM public.outgoing_tell(TG_TABLE_SCHEMA, 'conflict.settled',
            public.outgoing_stream(TG_TABLE_SCHEMA, part.stream_id) || jsonb_build_object(
                'state', 'settled', 'by', part.how,
                'count', part.number, 'critical', part.critical, 'conflicts', part.ids, 'fields', part.fields));
    END LOOP;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION public.outgoing_set_aside() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE part record;
BEGIN
    IF NOT public.outgoing_wanted(TG_TABLE_SCHEMA, ARRAY['record.set_aside']) THEN
        RETURN NULL;
    END IF;
    FOR part IN
        SELECT stream_id, side, field, code, count(*) AS number, (array_agg(id ORDER BY id))[1:50] AS ids
        FROM new_rows GROUP BY stream_id, side, field, code
    LOOP
        PERFORM public.outgoing_tell(TG_TABLE_SCHEMA, 'record.set_aside',
            public.outgoing_stream(TG_TABLE_SCHEMA, part.stream_id) || jsonb_build_object(
                'side', part.side, 'field', part.field, 'code', part.code, 'count', part.number, 'set_aside', part.ids));
    END LOOP;
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER outgoing_run AFTER UPDATE OF state ON integrations_synclog FOR EACH ROW
    WHEN (NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION public.outgoing_run_ended();
CREATE TRIGGER outgoing_integration AFTER UPDATE OF status, warned_at ON integrations_integrationinstance FOR EACH ROW
    WHEN (NEW.status IS DISTINCT FROM OLD.status OR (NEW.warned_at IS NULL) <> (OLD.warned_at IS NULL))
    EXECUTE FUNCTION public.outgoing_integration_changed();
CREATE TRIGGER outgoing_met AFTER INSERT ON integrations_conflict REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.outgoing_conflicts_met();
CREATE TRIGGER outgoing_settled AFTER UPDATE ON integrations_conflict REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.outgoing_conflicts_settled();
CREATE TRIGGER outgoing_aside AFTER INSERT ON integrations_setaside REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.outgoing_set_aside();
"""

NO_TRIGGERS = """
DROP TRIGGER outgoing_run ON integrations_synclog;
DROP TRIGGER outgoing_integration ON integrations_integrationinstance;
DROP TRIGGER outgoing_met ON integrations_conflict;
DROP TRIGGER outgoing_settled ON integrations_conflict;
DROP TRIGGER outgoing_aside ON integrations_setaside;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("outgoing", "0001_initial"),
        ("integrations", "0005_schema_drift"),
        ("scheduling", "0006_outgoing"),
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),  # all tenants use them: they stay
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
    ]
