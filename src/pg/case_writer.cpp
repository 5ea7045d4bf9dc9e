#include "pg/case_writer.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/wire/leaves.hpp"
#include "pg/case_statements.hpp"
#include "pg/case_step.hpp"
#include "pg/event_log.hpp"
#include "pg/history_rows.hpp"
#include "pg/job.hpp"
#include "pg/rows.hpp"
#include "pg/sequencer.hpp"

namespace countersign::pg {
namespace {

core::EventId refusal_id(const app::RefusedVote& vote, const std::array<std::byte, 10>& chance) {
    return app::event_id(vote.at, vote.version, app::refusal_place, chance);
}

// What the words of a refused vote are hashed with. Nobody who is given it learns the request's own, which
// may be erased before it.
wire::Salt salt_of_refusal(const wire::Salt& of_request, const core::EventId& id) {
    Sha256 hash = sha256("refused vote" + std::string(as_text(of_request)) + id.text());
    wire::Salt salt{};
    std::copy_n(hash.begin(), salt.size(), salt.begin());
    return salt;
}

// "{id,…}": what the log may know of these entries.
std::string ids_of_events(const core::RequestId& request, std::span<const core::Entry> entries) {
    TextArray ids;
    for (const auto& id : event_ids_of(request, entries)) ids.add(hex(id.bytes()));
    return ids.finished();
}

bool is_lost(const SqlTrouble& trouble) {
    return trouble.kind == SqlTrouble::Kind::lost;
}

}  // namespace

// ---- together

CaseWriter::Steps CaseWriter::steps_of(WaitingList& all) {
    Steps steps;
    for (auto& one : all) {
        auto* item = dynamic_cast<WaitingAppend*>(one.get());
        if (!item || item->answered()) continue;
        auto same = std::ranges::find(steps, item->what.request, &Step::request);
        if (same == steps.end()) {
            steps.emplace_back(item->what.request);
            same = steps.end() - 1;
        }
        same->items.push_back(item);
    }
    return steps;
}

// Takes from memory what is there, and reads the others, all at once. What cannot be known stays without a
// case.
void CaseWriter::know(Session& session, Steps& steps, const app::Seals& seals) {
    Column ids{Oid::uuid}, known{Oid::int4}, limit{Oid::int8};
    std::vector<Step*> missing;
    for (Step& step : steps) {
        step.known = memory_.take(step.request);
        if (step.known) {
            step.is_recorded();
            continue;
        }
        missing.push_back(&step);
        ids.add(step.request);
        known.add(std::int32_t{0});
    }
    if (missing.empty()) return;
    limit.add(static_cast<std::int64_t>(missing.size()));
    Parameters all = parameters(ids, known);
    all.push_back(limit.only());
    auto rows = session.run(read_cases, all);
    if (!rows) return;
    for (const auto& row : *rows) {
        auto id = request_of(row);
        auto step = std::ranges::find_if(missing, [&](Step* one) { return id && one->request == *id; });
        if (step == missing.end()) continue;
        auto taken = take_in((*step)->known, row, seals);
        if (taken && *taken == Taken::whole)
            (*step)->is_recorded();
        else
            (*step)->known.reset();  // looked at again alone
    }
}

void CaseWriter::judge(Step& step, const app::Seals& seals, const core::History& history) const {
    StoredCase& known = *step.known;
    std::vector<app::PlanCommand> commands;
    for (const auto* item : step.items) {
        std::string origin;
        if (item->what.origin && known.salt) origin = hex(origin_hash(*known.salt, item->what.origin->key));
        commands.push_back({&item->what, std::move(origin), item->maybe_ours, item->chance});
    }
    step.plan = app::plan(known, commands, clock_.now(), history);
    for (const auto& entry : step.plan.entries) step.rows.push_back(next_row(known, entry, seals));
    step.answers = std::move(step.plan.answers);
}

void CaseWriter::settle(Step& step) {
    for (std::size_t i = 0; i < step.items.size(); ++i)
        step.items[i]->answer.emplace(std::move(step.answers[i]));
    // Whoever knows the newest version brings the messages in line.
    auto& last = *step.items.back()->answer;
    if (last) last->leased = step.leased;
    memory_.put(std::move(step.known));
}

void CaseWriter::together(Session& session, WaitingList& all) {
    core::Instant now = clock_.now();
    std::vector<WaitingOpening*> openings;
    for (auto& one : all) {
        if (now >= one->deadline().at) one->refuse({Trouble::overloaded, "busy, try again", {}, {}});
        auto* opening = dynamic_cast<WaitingOpening*>(one.get());
        // What waits for the rows of others is opened alone.
        const bool alone = opening && (opening->fresh.callback || core::asks_history(opening->fresh.applied));
        if (opening && !opening->answered() && !alone) openings.push_back(opening);
    }
    auto seals = sealing_.of(session);
    if (!seals) return;
    Steps steps = steps_of(all);
    know(session, steps, **seals);
    std::vector<Step*> plain;
    for (Step& step : steps) {
        if (!step.known || step.asks_history()) continue;
        judge(step, **seals, {});
        if (step.plain())
            plain.push_back(&step);
        else
            step.start_over();
    }
    // In one order everywhere, so that two who write the same cases do not wait in a circle.
    std::ranges::sort(plain, {}, &Step::request);
    auto written = write_all(session, plain, openings, **seals);
    bool unknown = !written && is_lost(written.error());
    for (Step* step : plain) {
        if (written && step->written) {
            settle(*step);
            continue;
        }
        for (auto* item : step->items) item->maybe_ours = item->maybe_ours || unknown;
    }
    for (auto* opening : openings)
        if (!written) {
            opening->answer.reset();
            opening->maybe_ours = opening->maybe_ours || unknown;
        }
    // What was read is worth remembering even where somebody else was first.
    for (Step& step : steps) {
        if (!step.known) continue;
        step.start_over();
        memory_.put(std::move(step.known));
    }
}

Sql<Done> CaseWriter::write_all(Session& session, std::vector<Step*>& steps,
                                std::vector<WaitingOpening*>& openings, const app::Seals& seals) {
    bool both = !steps.empty() && !openings.empty();
    auto rolled_back = [&](const SqlTrouble& trouble) {
        if (both) session.roll_back();
        return std::unexpected(trouble);
    };
    if (both) {
        auto begun = session.begin();
        if (!begun) return begun;
    }
    if (!openings.empty()) {
        auto written = write_openings(session, {openings.begin(), openings.end()}, seals);
        if (!written) return rolled_back(written.error());
    }
    if (!steps.empty()) {
        auto written = write_steps(session, steps);
        if (!written) return rolled_back(written.error());
    }
    return both ? session.commit() : Sql<Done>{Done{}};
}

// Marks those that were written.
Sql<Done> CaseWriter::write_steps(Session& session, std::vector<Step*>& steps) {
    Column id{Oid::uuid}, known{Oid::int4}, known_state{Oid::text}, known_seal{Oid::bytea}, people{Oid::int8},
        version{Oid::int4}, state{Oid::text}, due{Oid::timestamptz}, counted{Oid::text}, behind{Oid::text},
        seal{Oid::bytea}, holder{Oid::uuid}, until{Oid::timestamptz}, expected{Oid::text},
        review_due{Oid::timestamptz};
    Column e_request{Oid::uuid}, e_version{Oid::int4}, e_kind{Oid::text}, e_state{Oid::text},
        e_actor{Oid::uuid}, e_origin{Oid::uuid}, e_record{Oid::text}, e_words{Oid::text}, e_seal{Oid::bytea};
    Column limit{Oid::int4};
    for (const Step* step : steps) {
        app::Summary summary = app::summary_of(step->known->c, step->plan.ruling);
        id.add(step->request);
        known.add(static_cast<std::int32_t>(step->recorded_entries));
        known_state.add(name_of(step->recorded_state));
        known_seal.add(step->recorded_seal);
        people.add(step->items.back()->what.people);
        version.add(summary.version);
        state.add(name_of(summary.state));
        due.add(summary.due_at);
        review_due.add(summary.review_due);
        counted.add(persons(summary.counted, step->known->salt));
        behind.add(persons(summary.behind, step->known->salt));
        seal.add(step->known->seal);
        holder.add(step->lease().holder);
        until.add(step->lease().until);
        std::span recorded = std::span{step->known->c.entries}.first(step->recorded_entries);
        expected.add(step->hands_out_a_grant() ? std::optional(ids_of_events(step->request, recorded))
                                               : std::nullopt);
        for (const EntryRow& row : step->rows) {
            e_request.add(step->request);
            e_version.add(row.version);
            e_kind.add(row.kind);
            e_state.add(name_of(row.state));
            e_actor.add(row.actor);
            e_origin.add(row.origin);
            e_record.add(row.record);
            e_words.add(row.words);
            e_seal.add(row.seal);
        }
    }
    limit.add(static_cast<std::int32_t>(steps.size()));
    Parameters all = parameters(id, known, known_state, known_seal, people, version, state, due, counted,
                                behind, seal, holder, until, e_request, e_version, e_kind, e_state, e_actor,
                                e_origin, e_record, e_words, e_seal);
    all.push_back(limit.only());
    all.push_back(expected.finished());
    all.push_back(review_due.finished());
    auto rows = session.run(write_cases, all);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& row : *rows) {
        auto request = id_from<core::RequestId>(view(row[0]));
        auto step =
            std::ranges::find_if(steps, [&](Step* one) { return request && one->request == *request; });
        if (step == steps.end()) continue;
        (*step)->written = true;
        (*step)->leased = id_from<core::ProcessId>(view(row[1])) == (*step)->lease().holder;
    }
    return Done{};
}

// ---- alone

void CaseWriter::alone(Session& session, WaitingList& all) {
    for (Step& step : steps_of(all)) append_alone(session, step);
    for (auto& one : all)
        if (auto* opening = dynamic_cast<WaitingOpening*>(one.get())) open_alone(session, *opening);
}

// One request in a transaction of its own: waits for its lock, and says what went wrong.
void CaseWriter::append_alone(Session& session, Step& step) {
    for (int attempt = 1;; ++attempt) {
        step.start_over();
        auto done = append_once(session, step);
        if (done) return;
        const SqlTrouble& trouble = done.error();
        session.roll_back();
        using enum SqlTrouble::Kind;
        if (trouble.kind == lost)
            for (auto* item : step.items) item->maybe_ours = true;
        if (worth_another_try(trouble) && attempt < case_attempts_max &&
            clock_.now() < step.items.back()->deadline().at)
            continue;
        Failure failure = as_failure(trouble);
        if (step.maybe_ours())
            failure = {Trouble::timed_out,
                       "the database went away before it said whether this was recorded",
                       {},
                       {}};
        step.refuse_all(failure);
        if (trouble.kind == broken) quarantine(session, step.request, failure);
        return;
    }
}

// Everybody in the step is answered, unless the database is in trouble.
Sql<Done> CaseWriter::append_once(Session& session, Step& step) {
    auto seals = sealing_.of(session);
    if (!seals) return std::unexpected(seals.error());
    auto begun = session.begin();
    if (!begun) return begun;
    auto locked = lock(session, step, **seals);
    if (!locked) return std::unexpected(locked.error());
    auto refused = *locked ? taken_back(session, step) : Sql<bool>{true};
    if (!refused) return std::unexpected(refused.error());
    if (*refused) {
        session.roll_back();
        return Done{};
    }
    auto judged = judge_with_history(session, step, **seals);
    if (!judged) return std::unexpected(judged.error());
    if (!*judged) {
        session.roll_back();
        return Done{};
    }
    if (step.plan.wrote()) {
        std::vector<Step*> one{&step};
        auto written = write_steps(session, one);
        if (!written) return written;
        if (!step.written)
            return std::unexpected(SqlTrouble{SqlTrouble::Kind::again, "a locked case moved", {}});
    }
    auto extras = write_extras(session, step, **seals);
    if (!extras) return extras;
    auto opened = write_opened(session, step, **seals);
    if (!opened) return std::unexpected(opened.error());
    if (!*opened) return std::unexpected(SqlTrouble{SqlTrouble::Kind::again, "a key is taken", {}});
    auto kept = session.commit();
    if (!kept) return kept;
    settle(step);
    return Done{};
}

// False: what is kept of other requests cannot be read, and everybody was told.
Sql<bool> CaseWriter::judge_with_history(Session& session, Step& step, const app::Seals& seals) {
    if (!step.asks_history()) {
        judge(step, seals, {});
        return true;
    }
    auto locked = lock_history(session, app::history_keys_of(step.known->c), seals, clock_.now());
    if (!locked) return std::unexpected(locked.error());
    if (!*locked) {
        step.refuse_all(locked->error());
        memory_.put(std::move(step.known));
        return false;
    }
    judge(step, seals, (*locked)->history);
    auto written = write_history(session, **locked, step.plan.records, seals, clock_.now());
    if (!written) return std::unexpected(written.error());
    return true;
}

// False: there is nothing to judge, and everybody was told why.
Sql<bool> CaseWriter::lock(Session& session, Step& step, const app::Seals& seals) {
    if (!step.known) {
        step.known = memory_.take(step.request);
        if (step.known) step.is_recorded();
    }
    bool seen = false;
    std::optional<std::int64_t> people;
    for (const Query& query : {lock_case, read_cases}) {
        auto version = step.known ? step.known->c.version() : 0;
        auto rows = session.run(
            query, Arguments::of(std::vector{step.request}, "{" + std::to_string(version) + "}", 1));
        if (!rows) return std::unexpected(rows.error());
        if (rows->empty()) break;
        auto row = (*rows)[0];
        auto taken = take_in(step.known, row, seals);
        if (!taken) {
            session.roll_back();
            step.known.reset();
            step.refuse_all(taken.error());
            quarantine(session, step.request, taken.error());
            return false;
        }
        seen = *taken == Taken::whole;
        people = whole_from(row[row.size() - 1]);
        // Otherwise the lock was waited for, and what was read with it is older than the row: read again.
        if (seen) break;
    }
    if (!seen) {
        step.refuse_all({Trouble::not_found, "there is no such request", {}, {}});
        return false;
    }
    step.is_recorded();
    for (auto* item : step.items)
        if (!item->answered() && item->what.people && item->what.people != people)
            item->refuse({Trouble::unavailable,
                          "links between accounts have just changed; try again",
                          std::string(app::links_moved),
                          {}});
    std::erase_if(step.items, [](const auto* item) { return item->answered(); });
    if (step.items.empty()) memory_.put(std::move(step.known));
    return !step.items.empty();
}

// Whoever claims is handed a grant, also where the claim came before: not so where the log of all events
// knows events that no entry stands for, because somebody has taken the request back to what it was. True:
// everybody was told, and the case is set aside.
Sql<bool> CaseWriter::taken_back(Session& session, Step& step) {
    bool claims = std::ranges::any_of(
        step.items, [](const auto* item) { return std::holds_alternative<core::Claim>(item->what.command); });
    if (!claims) return false;
    auto others = session.run(others_in_log,
                              Arguments::of(step.request, event_ids_of(step.request, step.known->c.entries)));
    if (!others) return std::unexpected(others.error());
    if (others->empty()) return false;
    session.roll_back();
    step.known.reset();
    Failure failure{
        Trouble::corrupt, "the log of all events knows more of this request than its entries", {}, {}};
    step.refuse_all(failure);
    quarantine(session, step.request, failure);
    return true;
}

// Refused votes, the cards of an escalation, and what an act that came again finds still to do.
Sql<Done> CaseWriter::write_extras(Session& session, Step& step, const app::Seals& seals) {
    for (const auto& vote : step.plan.refused) {
        const StoredCase& known = *step.known;
        std::string person = wire::sealed(*known.salt, vote.person.text());
        auto id = refusal_id(vote, step.items[vote.command]->chance);
        auto salt = salt_of_refusal(*known.salt, id);
        std::string words = core::canonical(app::facts_of(vote));
        std::string facts = wire::sealed(salt, words);
        wire::Leaf leaf{.type = "request.vote_refused",
                        .id = id,
                        .at = vote.at,
                        .request = step.request,
                        .version = vote.version,
                        .state = vote.state,
                        .digest = known.c.request->digest,
                        .policy = known.c.applied->policy_digest,
                        .entry_body = {},
                        .person = person,
                        .why = core::code_of(vote.why),
                        .facts = facts};
        std::string record = wire::leaf_body(leaf);
        auto done = session.run(
            write_refused,
            Arguments::of(step.request, person.substr(0, 32), leaf.why, vote.at, leaf.id, record,
                          seals.seal(act_seal_input({leaf.id, leaf.at, leaf.type, leaf.request, record})),
                          words, "\\x" + hex(salt)));
        if (!done) return std::unexpected(done.error());
    }
    if (!step.plan.cards.empty()) {
        std::vector<core::CardId> ids;
        std::vector<std::string> surfaces, channels;
        for (const auto& [id, target] : step.plan.cards) {
            ids.push_back(id);
            surfaces.emplace_back(name_of(target.surface));
            channels.push_back(target.channel);
        }
        auto done = session.run(add_cards, Arguments::of(step.request, step.known->c.version(), clock_.now(),
                                                         ids, surfaces, channels));
        if (!done) return std::unexpected(done.error());
    }
    bool again = !step.plan.wrote() && std::ranges::any_of(step.answers, [](const auto& one) {
        return one && (one->repeat || one->first_new < one->now->c.entries.size());
    });
    if (again) {
        auto done =
            session.run(take_over, Arguments::of(step.request, step.lease().holder, step.lease().until));
        if (!done) return std::unexpected(done.error());
        step.leased = !done->empty();
    }
    return Done{};
}

}  // namespace countersign::pg
