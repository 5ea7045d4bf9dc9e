"""Fills Countersign's database with what years leave behind: copies of one request that was decided."""

# Copies are older than the template and have ids, numbers and messages of their own; their seals are the template's, so
# nobody may act on them, and their facts are not in the log. They are there to be passed over.
COPIES = """
create temporary table template as
    select s.request_id, s.number, (extract(epoch from r.created_at) * 1000)::bigint as ms
    from request_state s join request r on r.id = s.request_id where s.state = 'approved' order by s.number limit 1;
create temporary table copy as
    select i, (lpad(to_hex(t.ms - i * 50), 12, '0') || substr(md5(i::text), 1, 20))::uuid as id,
        10000 + {all} - i as number, i <= {pending} as pending, t.request_id as of
    from template t, generate_series(1, {all}) i;
insert into request_number select number, id from copy;
insert into request select c.id, c.number, r.created_at - c.i * interval '50 ms', r.expires_at, r.digest, r.policy, r.record,
        r.rules, r.words, r.salt, r.action, r.environment, r.resource, r.requester, r.asked_by
    from copy c join request r on r.id = c.of;
insert into entry select c.id, e.version, e.kind, e.state, e.actor, case when e.actor is not null then c.number end, e.origin,
        e.record, e.words, e.seal
    from copy c join entry e on e.request_id = c.of where e.version = 1 or not c.pending;
insert into request_state select c.id, c.number, case when c.pending then 1 else s.version end,
        case when c.pending then 'pending' else 'succeeded' end,
        case when c.pending then now() + interval '1 day' + c.i * interval '1 ms' end,
        case when c.pending then '{{}}' else s.counted end, s.quorum, s.behind, false, s.seal
    from copy c join request_state s on s.request_id = c.of;
insert into card (id, request_id, surface, channel, message_channel, message, shown_version, told_version, closed, created_at)
    select gen_random_uuid(), c.id, k.surface, k.channel, k.message_channel, 'copy ' || c.i, k.shown_version, k.told_version,
        not c.pending, k.created_at
    from copy c join card k on k.request_id = c.of where k.message is not null;
select setval('request_number_sequence', 20000 + {all});
"""


def fill(postgres, database, finished, pending):
    """`pending` copies are undecided, the newest ones."""
    postgres.sql(database, COPIES.format(all=finished + pending, pending=pending))
    postgres.sql(database, "vacuum analyze")
    postgres.checkpoint()
