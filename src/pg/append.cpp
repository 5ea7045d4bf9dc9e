#include "pg/append.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "pg/facts.hpp"
#include "pg/sql.hpp"

namespace countersign::pg {

struct Appender::Item {
    app::Append what;
    Deadline deadline;
    std::array<std::byte, 10> chance;
    rt::Awaited<app::Appended>* awaited = nullptr;
    std::optional<Result<app::Appended>> answer;
    bool maybe_ours = false;  // an earlier attempt may have committed: its origin, if found, may be our own
};

// One entry to be written, with its texts made.
struct NewEntry {
    std::int32_t version;
    core::Instant at;
    std::string_view kind;
    std::string origin;  // hex; empty: none
    std::string body;
    std::string doc;
};
struct NewEvent {
    core::EventId id;
    core::Instant at;
    std::string_view type;
    std::string body;
};
// The entry after which an escalation adds its cards, and the errand that tells of it.
struct Further {
    std::int32_t version;
    core::Instant at;
    core::ErrandId line;
};
struct RefusedVote {
    std::string person;
    std::string_view why;
    core::Instant at;
    NewEvent event;
};

// What one request's commands come to, within one transaction.
struct Appender::Group {
    explicit Group(core::RequestId id) : request(id) {}

    core::RequestId request;
    std::vector<Item*> items;
    KnownPtr known;
    struct {
        std::size_t entries = 0;
        core::State state = core::State::pending;
        std::size_t weight_bytes = 0;
    } recorded;            // how much of what is known is in the database
    bool located = false;  // its row was there and is locked

    // Made anew by every attempt:
    app::Plan plan;
    std::vector<NewEntry> entries;
    std::vector<NewEvent> events;
    std::vector<RefusedVote> refused;
    std::optional<Further> further;
    std::vector<std::pair<app::Lease, app::Errand>> errands;
    bool wrote() const { return !entries.empty(); }
    bool answered() const {
        return std::ranges::all_of(items, [](const Item* item) { return item->answer.has_value(); });
    }
    // Everybody's command became entries: nothing else is to be looked up or written.
    bool plain() const {
        return wrote() && refused.empty() && !plan.behind_changed && !further &&
               std::ranges::all_of(items, [](const Item* item) {
                   return item->answer && *item->answer && !(*item->answer)->refusal &&
                          !(*item->answer)->repeat;
               });
    }
    bool maybe_ours() const {
        return std::ranges::any_of(items, [](const Item* item) { return item->maybe_ours; });
    }

    void start_over() {
        entries.clear();
        events.clear();
        refused.clear();
        plan = {};
        further.reset();
        errands.clear();
        if (known) {  // entries never change: those recorded are still true
            known->c.entries.erase(known->c.entries.begin() + std::ptrdiff_t(recorded.entries),
                                   known->c.entries.end());
            known->origins.resize(recorded.entries);
            known->state = recorded.state;
            known->weight_bytes = recorded.weight_bytes;
        }
        located = false;
        for (Item* item : items) item->answer.reset();
    }
    void take(Memory& memory) {
        known = memory.take(request);
        if (known) is_recorded();
    }
    void is_recorded() { recorded = {known->c.entries.size(), known->state, known->weight_bytes}; }
    void fail_all(const Failure& failure) {
        for (Item* item : items) item->answer.emplace(std::unexpected(failure));
    }
    const app::Lease& lease() const { return items.back()->what.lease; }
};

Appender::Appender(Pool& pool, Memory& memory, const rt::Clock& clock, rt::Entropy& entropy,
                   std::size_t batches_max)
    : pool_(pool), memory_(memory), clock_(clock), entropy_(entropy), batches_max_(batches_max) {}
Appender::~Appender() = default;

Later<app::Appended> Appender::append(app::Append what, Deadline deadline) {
    auto start = [this, &what, deadline](rt::Awaited<app::Appended>& awaited) {
        auto item = std::make_unique<Item>(std::move(what), deadline, rt::chance(entropy_));
        item->awaited = &awaited;
        enqueue(std::move(item));
    };
    co_return co_await rt::await_answer<app::Appended>(pool_.home().executor(), start);
}

std::size_t Appender::waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
}

void Appender::enqueue(std::unique_ptr<Item> item) {
    bool start = false;
    {
        std::lock_guard lock(mutex_);
        if (waiting_.size() < waiting_max) {
            // A request that is under way is looked at again when its thread is done with it.
            start = batches_ < batches_max_ && !under_way_.contains(item->what.request);
            if (start) ++batches_;
            waiting_.push_back(std::move(item));
        }
    }
    if (start) return start_batch();
    if (!item) return;
    item->awaited->answer.emplace(fail(Trouble::overloaded, "too much is waiting already; try again"));
    pool_.home().deliver(std::move(item->awaited->resume));
}

void Appender::start_batch() {
    Pool::Task task = [this](Session* session) { work(session); };
    // The queue is full: whoever is at work takes what waits; with nobody at work it is run when next asked.
    if (pool_.post(rt::Lane::interactive, task)) return;
    std::vector<std::unique_ptr<Item>> left;
    {
        std::lock_guard lock(mutex_);
        --batches_;
        if (batches_ == 0) {
            for (auto& item : waiting_) left.push_back(std::move(item));
            waiting_.clear();
        }
    }
    for (auto& item : left) {
        item->awaited->answer.emplace(fail(Trouble::overloaded, "too much is waiting already; try again"));
        pool_.home().deliver(std::move(item->awaited->resume));
    }
}

// What waits, except for requests that another thread is at.
Appender::Items Appender::next_batch() {
    Items batch;
    std::unordered_set<core::RequestId> mine;
    std::deque<std::unique_ptr<Item>> left;
    while (!waiting_.empty() && batch.size() < batch_max) {
        auto item = std::move(waiting_.front());
        waiting_.pop_front();
        const auto& request = item->what.request;
        if (mine.contains(request) || under_way_.insert(request).second) {
            mine.insert(request);
            batch.push_back(std::move(item));
        } else {
            left.push_back(std::move(item));
        }
    }
    while (!left.empty()) {
        waiting_.push_front(std::move(left.back()));
        left.pop_back();
    }
    return batch;
}

void Appender::work(Session* session) {
    for (;;) {
        Items batch;
        {
            std::lock_guard lock(mutex_);
            batch = next_batch();
            if (batch.empty()) {
                --batches_;
                return;
            }
        }
        if (session)
            carry_out(*session, batch);
        else
            stop_all(batch);
        Items left;
        for (auto& item : batch) {
            if (!item->answer) left.push_back(std::move(item));
        }
        std::erase(batch, nullptr);
        finish(batch);
        while (!left.empty()) hand_over(*session, left);
        // Others wait for a thread: give them a turn.
        if (session && pool_.queued() > 0) return start_batch();
    }
}

void Appender::stop_all(Items& items) {
    for (auto& item : items) item->answer.emplace(fail(Trouble::unavailable, "the server is stopping"));
}

void Appender::finish(Items& items) {
    {
        std::lock_guard lock(mutex_);
        for (auto& item : items) under_way_.erase(item->what.request);
    }
    std::vector<rt::CompletionQueue::Resume> finished;
    for (auto& item : items) {
        item->awaited->answer = std::move(item->answer);
        finished.push_back(std::move(item->awaited->resume));
    }
    items.clear();
    if (!finished.empty()) pool_.home().deliver(std::move(finished));
}

// Takes what is left of one request and sees to it apart, on a thread that may wait for its lock: the next
// batch does not wait for it. `session` is for when no other thread can be had.
void Appender::hand_over(Session& session, Items& left) {
    Items same;
    const core::RequestId request = left.front()->what.request;
    for (auto& item : left) {
        if (item->what.request == request) same.push_back(std::move(item));
    }
    std::erase(left, nullptr);
    Pool::Task task = [this, items = std::move(same)](Session* own) mutable {
        if (own) {
            Group group(items.front()->what.request);
            for (auto& item : items) group.items.push_back(item.get());
            alone(*own, group);
        } else {
            stop_all(items);
        }
        finish(items);
        bool start = false;
        {
            // What came for this request meanwhile.
            std::lock_guard lock(mutex_);
            start = !waiting_.empty() && batches_ < batches_max_;
            if (start) ++batches_;
        }
        if (start) start_batch();
    };
    if (!pool_.post(rt::Lane::background, task)) task(&session);
}

// The common case: everything in one transaction, nobody waits for a lock. What has no answer afterwards is
// to be tried alone.
void Appender::carry_out(Session& session, Items& items) {
    core::Instant now = clock_.now();
    std::vector<Group> groups;
    for (auto& item : items) {
        if (now >= item->deadline.at) {
            item->answer.emplace(fail(Trouble::overloaded, "busy, try again"));
            continue;
        }
        auto same = std::ranges::find(groups, item->what.request, &Group::request);
        if (same == groups.end()) {
            groups.emplace_back(item->what.request);
            same = groups.end() - 1;
        }
        same->items.push_back(item.get());
    }
    write_remembered(session, groups);
    std::vector<Group*> all;
    for (Group& group : groups) {
        if (!group.answered()) all.push_back(&group);
    }
    if (all.empty()) return;
    auto locked = lock(session, all, false);
    Sql<Done> written = Done{};
    if (locked) {
        std::erase_if(all, [](Group* group) { return !group->located; });
        for (Group* group : all) decide(*group);
        written = write(session, all);
    }
    if (locked && written) return;
    session.roll_back();
    bool unknown = !written && written.error().kind == SqlTrouble::Kind::lost;
    for (Group* group : all) {
        group->start_over();
        for (Item* item : group->items) item->maybe_ours = item->maybe_ours || unknown;
    }
}

// Cases we remember need not be read: they are judged as they were, and written if they still are.
void Appender::write_remembered(Session& session, std::vector<Group>& groups) {
    std::vector<Group*> plain;
    for (Group& group : groups) {
        group.take(memory_);
        if (!group.known) continue;
        decide(group);
        if (group.plain())
            plain.push_back(&group);
        else
            group.start_over();
    }
    if (plain.empty()) return;
    // In one order everywhere, so that two who write the same cases do not wait in a circle.
    std::ranges::sort(plain, {}, &Group::request);
    auto written = write_steps(session, plain);
    if (written && *written) return keep(plain);
    bool unknown = !written && written.error().kind == SqlTrouble::Kind::lost;
    for (Group* group : plain) {
        group->start_over();
        for (Item* item : group->items) item->maybe_ours = unknown;
    }
}

// One request in a transaction of its own: waits for its lock, and says what went wrong.
void Appender::alone(Session& session, Group& group) {
    constexpr int attempts_max = 3;
    for (int attempt = 1;; ++attempt) {
        group.start_over();
        std::vector<Group*> one{&group};
        auto locked = lock(session, one, true);
        if (locked && !group.located) {
            session.roll_back();
            bool said = group.items.front()->answer.has_value();
            if (said) return quarantine(session, group);
            return group.fail_all({Trouble::not_found, "there is no such request", {}, {}});
        }
        Sql<Done> written = std::unexpected(SqlTrouble{});
        if (locked) {
            decide(group);
            written = write(session, one);
            if (written) return;
        }
        SqlTrouble trouble = locked ? written.error() : locked.error();
        session.roll_back();
        using enum SqlTrouble::Kind;
        if (locked && trouble.kind == lost) {
            for (Item* item : group.items) item->maybe_ours = true;
        }
        bool worth_trying = trouble.kind == lost || trouble.kind == again;
        if (worth_trying && attempt < attempts_max && clock_.now() < group.items.back()->deadline.at)
            continue;
        Failure failure = as_failure(trouble);
        if (group.maybe_ours())
            failure = {Trouble::timed_out,
                       "the database went away before it said whether this was recorded",
                       {},
                       {}};
        group.fail_all(failure);
        if (trouble.kind == broken) quarantine(session, group);
        return;
    }
}

Sql<Done> Appender::lock(Session& session, std::vector<Group*>& groups, bool waits) {
    auto prepared = session.prepare(
        {Statement::lock_case, Statement::lock_cases, Statement::read_cases, Statement::cards_of});
    if (!prepared) return prepared;
    Array ids;
    Array known;
    for (Group* group : groups) {
        if (!group->known) group->take(memory_);
        ids.plain(group->request);
        known.plain(group->known ? group->known->c.version() : 0);
    }
    std::string sql = waits ? "BEGIN; EXECUTE lock_case(" : "BEGIN; EXECUTE lock_cases(";
    append_arrays(sql, ids, known);
    sql += ')';
    auto rows = session.run(sql);
    if (!rows) return std::unexpected(rows.error());
    std::vector<Group*> moved;
    auto taken = take_rows(*rows, groups, moved, waits);
    if (!taken || moved.empty()) return taken;
    // The lock was waited for, and the statement's snapshot is older than what it waited for: look again.
    Array moved_ids;
    Array moved_known;
    for (Group* group : moved) {
        moved_ids.plain(group->request);
        moved_known.plain(group->known->c.version());
    }
    sql = "EXECUTE read_cases(";
    append_arrays(sql, moved_ids, moved_known);
    sql += ')';
    auto again = session.run(sql);
    if (!again) return std::unexpected(again.error());
    std::vector<Group*> none;
    return take_rows(*again, moved, none, waits);
}

Sql<Done> Appender::take_rows(const pqxx::result& rows, std::vector<Group*>& groups,
                              std::vector<Group*>& moved, bool alone) {
    for (const auto& row : rows) {
        auto id = id_from<core::RequestId>(view(row[0]));
        auto group = std::ranges::find_if(groups, [&](Group* g) { return id && g->request == *id; });
        if (group == groups.end()) continue;
        auto taken = take_in((*group)->known, row);
        if (taken) {
            (*group)->located = true;
            (*group)->is_recorded();
        } else if (taken.error().code == "moved") {
            moved.push_back(*group);
        } else if (alone) {
            (*group)->fail_all(taken.error());
        } else {
            (*group)->known.reset();  // looked at again alone
        }
    }
    return Done{};
}

// What the group's commands come to, and the rows that becomes. Nothing here can fail but for our own bugs:
// it is all in memory.
void Appender::decide(Group& group) {
    Known& known = *group.known;
    std::vector<app::PlanCommand> commands;
    for (const Item* item : group.items) {
        std::string origin;
        if (item->what.origin && known.salt) origin = origin_hash(*known.salt, item->what.origin->key);
        commands.push_back({&item->what, std::move(origin), item->maybe_ours, item->chance});
    }
    group.plan = app::plan(known, commands, clock_.now(), {});
    std::vector<Minter> minters;
    for (const Item* item : group.items) minters.emplace_back(clock_.now(), item->chance);
    for (std::size_t i = 0; i < group.items.size(); ++i)
        group.items[i]->answer.emplace(std::move(group.plan.answers[i]));
    for (const auto& entry : group.plan.entries) record(group, entry, minters[entry.command]);
    for (const auto& vote : group.plan.refused) record_refusal(group, vote, minters[vote.command]);
}

// The rows of one more entry.
void Appender::record(Group& group, const app::PlannedEntry& planned, Minter& minter) const {
    Known& known = *group.known;
    const core::Entry& entry = known.c.entries[static_cast<std::size_t>(planned.version) - 1];
    NewEntry row{.version = planned.version,
                 .at = at_of(entry),
                 .kind = kind_of(entry),
                 .origin = planned.origin,
                 .body = wire::stored_entry(entry, &*known.salt),
                 .doc = wire::stored_entry(entry, nullptr)};
    known.weight_bytes += entry_weight(row.doc.size());
    for (std::string_view type : app::events_of(entry, planned.before, planned.after)) {
        wire::Leaf leaf = leaf_of(known, planned.version, planned.after);
        leaf.type = type;
        leaf.id = minter.next_event(row.at, row.version);
        leaf.at = row.at;
        leaf.entry_body = row.body;
        group.events.push_back({leaf.id, leaf.at, type, wire::leaf_body(leaf)});
    }
    if (core::has_thread_line(entry)) {
        app::Errand errand{.kind = app::Errand::Kind::thread_line,
                           .id = minter.next<core::ErrandId>(),
                           .request = group.request,
                           .entry = planned.version - 1,
                           .attempts = 0};
        Item& item = *group.items[planned.command];
        group.errands.emplace_back(item.what.lease, errand);
        if (std::holds_alternative<core::Escalated>(entry))
            group.further = Further{row.version, row.at, errand.id};
        if (*item.answer) (*item.answer)->errands.push_back(std::move(errand));
    }
    group.entries.push_back(std::move(row));
}

wire::Leaf Appender::leaf_of(const Known& known, std::int32_t version, core::State state) {
    return {.type = {},
            .id = core::EventId{core::EventId::Bytes{}},
            .at = {},
            .request = known.c.request->id,
            .version = version,
            .state = state,
            .digest = known.c.request->digest,
            .policy = known.c.applied->policy_digest,
            .entry_body = {},
            .person = {},
            .why = {}};
}

void Appender::record_refusal(Group& group, const app::RefusedVote& vote, Minter& minter) const {
    std::string person = wire::sealed(*group.known->salt, vote.person.text());
    wire::Leaf leaf = leaf_of(*group.known, vote.version, vote.state);
    leaf.type = "request.vote_refused";
    leaf.id = minter.next_refusal(vote.at, vote.version);
    leaf.at = vote.at;
    leaf.person = person;
    leaf.why = core::code_of(vote.why);
    group.refused.push_back(
        {person.substr(0, 32), leaf.why, vote.at, {leaf.id, vote.at, leaf.type, wire::leaf_body(leaf)}});
}

namespace {

std::string write_refused(const core::RequestId& request, const RefusedVote& refused) {
    return "WITH x AS (INSERT INTO refused_vote AS had (request_id, person, why, last_at) VALUES (" +
           literal(request) + ", '" + refused.person + "', '" + std::string(refused.why) + "', " +
           literal(refused.at) +
           ") ON CONFLICT (request_id, person, why) DO UPDATE SET times = had.times + 1, last_at = "
           "excluded.last_at "
           "RETURNING times), v AS (INSERT INTO event (id, request_id, at, type, body) SELECT " +
           literal(refused.event.id) + ", " + literal(request) + ", " + literal(refused.at) +
           ", 'request.vote_refused', convert_to(" + literal(refused.event.body) +
           ", 'UTF8') FROM x WHERE times = 1 RETURNING id) INSERT INTO unsequenced SELECT id FROM v; ";
}

// The parameters of write_steps.
struct Rows {
    Column r_id{Oid::uuid}, r_known{Oid::int4}, r_version{Oid::int4}, r_state{Oid::text},
        r_due{Oid::timestamptz}, r_counted{Oid::text}, r_holder{Oid::uuid}, r_until{Oid::timestamptz},
        r_had{Oid::text};
    Column e_request{Oid::uuid}, e_version{Oid::int4}, e_at{Oid::timestamptz}, e_kind{Oid::text},
        e_origin{Oid::uuid}, e_body{Oid::text}, e_doc{Oid::text};
    Column v_id{Oid::uuid}, v_request{Oid::uuid}, v_at{Oid::timestamptz}, v_type{Oid::text},
        v_body{Oid::bytea};
    Column now{Oid::timestamptz};
    Column g_id{Oid::uuid}, g_request{Oid::uuid}, g_entry{Oid::int4}, g_holder{Oid::uuid},
        g_until{Oid::timestamptz};

    void add(const core::RequestId& request, const NewEntry& entry) {
        e_request.add(request);
        e_version.add(entry.version);
        e_at.add(entry.at);
        e_kind.add(entry.kind);
        auto origin = unhex(entry.origin);
        if (entry.origin.empty() || !origin)
            e_origin.null();
        else
            e_origin.add(std::as_bytes(std::span(*origin)));
        e_body.add(entry.body);
        e_doc.add(entry.doc);
    }
    void add(const core::RequestId& request, const NewEvent& event) {
        v_id.add(event.id);
        v_request.add(request);
        v_at.add(event.at);
        v_type.add(event.type);
        v_body.add(std::as_bytes(std::span(event.body)));
    }
    void add(const Known& known, std::size_t recorded, core::State had, const app::Summary& summary,
             const app::Lease& lease) {
        r_id.add(known.c.request->id);
        r_known.add(static_cast<std::int32_t>(recorded));
        r_version.add(known.c.version());
        r_state.add(name_of(known.state));
        if (summary.due_at)
            r_due.add(*summary.due_at);
        else
            r_due.null();
        r_counted.add(persons(summary.counted, *known.salt));
        r_holder.add(lease.holder);
        r_until.add(lease.until);
        r_had.add(name_of(had));
    }
    void add(const app::Lease& lease, const app::Errand& errand) {
        g_id.add(errand.id);
        g_request.add(errand.request);
        g_entry.add(errand.entry);
        g_holder.add(lease.holder);
        g_until.add(lease.until);
    }
    // `single`: for write_step.
    Parameters finished(bool single) const {
        auto its = [single](const Column& column) { return single ? column.only() : column.finished(); };
        auto all = [](const Column& column) { return column.finished(); };
        return {its(r_id),     its(r_known),  its(r_version), its(r_state),   all(r_due),     its(r_counted),
                its(r_holder), its(r_until),  its(r_had),     its(e_request), its(e_version), its(e_at),
                its(e_kind),   all(e_origin), its(e_body),    its(e_doc),     all(v_id),      all(v_request),
                all(v_at),     all(v_type),   all(v_body),    all(now),       all(g_id),      all(g_request),
                all(g_entry),  all(g_holder), all(g_until)};
    }
};

}  // namespace

// Entries, events, states, cards and thread lines of all of them, and the cards that are ours now: one
// statement. False: one of the cases is not as it was known, or somebody else is at it; nothing was written.
Sql<bool> Appender::write_steps(Session& session, std::vector<Group*>& groups) {
    Rows rows;
    rows.now.add(clock_.now());
    std::size_t lines = 0;
    for (Group* group : groups) {
        for (const auto& entry : group->entries) rows.add(group->request, entry);
        for (const auto& event : group->events) rows.add(group->request, event);
        for (const auto& [lease, errand] : group->errands) rows.add(lease, errand);
        lines += group->errands.size();
        rows.add(*group->known, group->recorded.entries, group->recorded.state,
                 app::summary_of(group->known->c, group->plan.ruling), group->lease());
    }
    bool single = groups.size() == 1 && groups.front()->entries.size() == 1;
    auto done =
        session.execute(single ? Statement::write_step : Statement::write_steps, rows.finished(single));
    if (!done) return std::unexpected(done.error());
    if (done->empty() || view((*done)[0][0]) != "t") return false;
    std::vector<CardRow> cards;
    for (const auto& row : *done) {
        if (row[2].is_null()) continue;
        auto card = card_from(row.slice(2, row.size()));
        if (card) cards.push_back(std::move(*card));
    }
    bool all_lines = (*done)[0][1].as<std::size_t>() == lines;
    for (Group* group : groups) hand_out(*group, cards, all_lines);
    return true;
}

// The cards go to the last command, as those that fell behind do.
Sql<Done> Appender::post_further(Session& session, Group& group) {
    auto prepared = session.prepare({Statement::escalate});
    if (!prepared) return prepared;
    const Further& further = *group.further;
    Array ids, surfaces, channels;
    for (const auto& [id, target] : group.plan.cards) {
        ids.plain(id);
        surfaces.plain(name_of(target.surface));
        channels.text(target.channel);
    }
    std::string sql =
        "EXECUTE escalate(" + literal(group.request) + "," + std::to_string(further.version) + ",";
    append_arrays(sql, ids, surfaces, channels);
    sql += "," + literal(further.line) + "," + literal(group.lease().holder) + "," +
           literal(group.lease().until) + "," + literal(further.at) + ")";
    auto rows = session.run(sql);
    if (!rows) return std::unexpected(rows.error());
    auto& answer = group.items.back()->answer;
    for (const auto& row : *rows) {
        auto card = card_from(row);
        if (card && answer && *answer) (*answer)->cards.push_back(std::move(card->job));
    }
    return Done{};
}

// The commit of what was locked, with the votes that were refused.
Sql<Done> Appender::write(Session& session, std::vector<Group*>& groups) {
    std::vector<Group*> wrote;
    Array card_requests;
    std::string sql;
    for (Group* group : groups) {
        for (const auto& vote : group->refused) sql += write_refused(group->request, vote);
        if (group->plan.behind_changed)
            sql += "UPDATE request SET behind = '" +
                   persons(app::summary_of(group->known->c, group->plan.ruling).behind, *group->known->salt) +
                   "' WHERE id = " + literal(group->request) + "; ";
        if (group->wrote())
            wrote.push_back(group);
        else if (group->maybe_ours())
            card_requests.plain(group->request);
    }
    if (!wrote.empty()) {
        auto written = write_steps(session, wrote);
        if (!written) return std::unexpected(written.error());
        if (!*written) return std::unexpected(SqlTrouble{SqlTrouble::Kind::again, "a locked case moved", {}});
        for (Group* group : wrote) {
            if (!group->further || group->plan.cards.empty()) continue;
            auto posted = post_further(session, *group);
            if (!posted) return posted;
        }
    }
    bool changes = !wrote.empty() || !sql.empty();
    sql += changes ? "COMMIT" : "ROLLBACK";
    bool asks_cards = !card_requests.empty();
    if (asks_cards) {
        sql += "; EXECUTE cards_of(";
        append_arrays(sql, card_requests);
        sql += ')';
    }
    auto done = session.run(sql);
    if (!done) return std::unexpected(done.error());
    if (asks_cards) {
        std::vector<CardRow> cards;
        for (const auto& row : *done) {
            auto card = card_from(row);
            if (card) cards.push_back(std::move(*card));
        }
        for (Group* group : groups) {
            if (!group->wrote() && group->maybe_ours()) hand_out(*group, cards, false);
        }
    }
    keep(groups);
    return Done{};
}

void Appender::keep(std::vector<Group*>& groups) {
    for (Group* group : groups) {
        memory_.put(std::move(group->known));
    }
}

// Cards go to the last command of their request: it knows the newest version. A request without cards has no
// thread lines either: their rows were not written, unless `has_lines` says that all were.
void Appender::hand_out(Group& group, std::vector<CardRow>& cards, bool has_lines) {
    bool shown = has_lines;
    const Item& last = *group.items.back();
    for (auto& card : cards) {
        if (card.job.request != group.request) continue;
        shown = true;
        bool ours = card.holder == last.what.lease.holder;
        if (ours && last.answer && *last.answer)
            (*group.items.back()->answer)->cards.push_back(std::move(card.job));
    }
    for (Item* item : group.items) {
        if (!shown && item->answer && *item->answer) (*item->answer)->errands.clear();
    }
}

void Appender::quarantine(Session& session, Group& group) {
    const auto& answer = group.items.front()->answer;
    if (!answer || *answer || answer->error().trouble != Trouble::corrupt) return;
    log::error("pg", "request {} does not hold together and is set aside: {}", group.request.text(),
               answer->error().detail);
    static_cast<void>(session.run("UPDATE request SET quarantined = true WHERE NOT quarantined AND id = " +
                                  literal(group.request)));
}

}  // namespace countersign::pg
