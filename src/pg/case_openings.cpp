#include <algorithm>
#include <chrono>
#include <utility>

#include "countersign/app/housekeeping.hpp"
#include "pg/case_statements.hpp"
#include "pg/case_step.hpp"
#include "pg/case_writer.hpp"
#include "pg/history_rows.hpp"
#include "pg/rows.hpp"
#include "pg/webhook_store.hpp"

// How new requests are written.
namespace countersign::pg {
namespace {

// The cards of a new request, in the order of their ids.
std::vector<app::CardState> cards_of(const OpeningJob& one) {
    std::vector<app::CardState> cards;
    auto chance = one.chance;
    chance.back() = std::byte{0};
    for (const auto& target : one.fresh.cards) {
        cards.push_back({.id = core::CardId::mint(one.fresh.opened.at, chance),
                         .target = target,
                         .message = {},
                         .told_version = 1,
                         .created_at = one.fresh.request.created_at});
        chance.back() = static_cast<std::byte>(std::to_integer<unsigned>(chance.back()) + 1);
    }
    return cards;
}

// What the seal of a row of `idempotency` covers: all of it.
app::SealInput key_seal_input(const app::Idempotency& key, const core::RequestId& request, core::Instant at) {
    app::SealInput input("idempotency");
    input.add(as_text(key.token.bytes())).add(key.key).add(as_text(key.fingerprint));
    input.add(as_text(request.bytes())).add(core::rfc3339(at));
    return input;
}

struct UsedKey {
    core::RequestId request;
    Sha256 fingerprint;
};

// The request that a key stands for. corrupt: the row is not one that this server wrote.
Result<UsedKey> key_from(const pqxx::row& row, const app::Idempotency& asked, const app::Seals& seals) {
    auto request = id_from<core::RequestId>(view(row[0]));
    auto fingerprint = unhex(view(row[1]));
    auto created_at = instant_from(row[2]);
    auto seal = seal_from(view(row[3]));
    app::Idempotency key{asked.token, asked.key, {}};
    if (!request || !fingerprint || fingerprint->size() != key.fingerprint.size() || !created_at || !seal)
        return fail(Trouble::corrupt, "a row of an Idempotency-Key is not readable");
    std::ranges::copy(std::as_bytes(std::span(*fingerprint)), key.fingerprint.begin());
    auto check = seals.check(key_seal_input(key, *request, *created_at), *seal);
    if (check != app::SealCheck::holds) return std::unexpected(unsealed(check, "an Idempotency-Key"));
    return UsedKey{*request, key.fingerprint};
}

// New cases as rows, and as they are remembered.
struct OpeningRows {
    Column id{Oid::uuid}, number{Oid::int8}, created{Oid::timestamptz}, expires{Oid::timestamptz},
        digest{Oid::text}, policy{Oid::text}, record{Oid::text}, rules{Oid::text}, words{Oid::text},
        salt{Oid::bytea}, action{Oid::text}, environment{Oid::text}, resource{Oid::uuid},
        requester{Oid::uuid}, asked_by{Oid::uuid}, state{Oid::text}, due{Oid::timestamptz}, quorum{Oid::int4},
        behind{Oid::text}, seal{Oid::bytea}, entry_record{Oid::text}, entry_words{Oid::text},
        token{Oid::uuid}, key{Oid::text}, fingerprint{Oid::bytea}, holder{Oid::uuid}, until{Oid::timestamptz},
        key_seal{Oid::bytea};
    Column card{Oid::uuid}, card_request{Oid::uuid}, surface{Oid::text}, channel{Oid::text};
    std::vector<StoredCasePtr> cases;
    core::Instant forget_keys_before;

    void add(const OpeningJob& one, std::int64_t its_number, const app::Seals& seals) {
        const app::NewCase& fresh = one.fresh;
        core::Request request = fresh.request;
        request.number = its_number;
        StoredCase known{{.c = {std::move(request), fresh.applied, {core::Entry{fresh.opened}}},
                          .origins = {std::string{}},
                          .state = fresh.ruling.state,
                          .words_erased = false},
                         one.salt,
                         {},
                         0};
        std::string request_record = wire::stored_request(known.c.request, &one.salt);
        std::string request_words = wire::stored_request(known.c.request, nullptr);
        std::string the_rules = wire::stored_applied(known.c.applied);
        EntryRow row = first_row(known.c, known.state, one.salt, request_record, the_rules, seals);
        known.seal = row.seal;
        known.weight_bytes =
            case_weight(request_words.size() + the_rules.size()) + entry_weight(row.words.size());
        add_request(known, request_record, request_words, the_rules, seals);
        app::Summary summary = app::summary_of(known.c, fresh.ruling);
        salt.add(one.salt);
        state.add(name_of(summary.state));
        due.add(summary.due_at);
        quorum.add(static_cast<std::int32_t>(summary.quorum));
        behind.add(persons(summary.behind, one.salt));
        seal.add(row.seal);
        entry_record.add(row.record);
        entry_words.add(row.words);
        add_key(fresh, seals);
        holder.add(fresh.lease.holder);
        until.add(fresh.lease.until);
        for (const auto& state_of_card : cards_of(one)) {
            card.add(state_of_card.id);
            card_request.add(fresh.request.id);
            surface.add(name_of(state_of_card.target.surface));
            channel.add(state_of_card.target.channel);
        }
        cases.push_back(std::make_unique<StoredCase>(std::move(known)));
    }
    void add_request(const StoredCase& known, std::string_view its_record, std::string_view its_words,
                     std::string_view its_rules, const app::Seals& seals) {
        const core::Request& request = known.c.request;
        id.add(request.id);
        number.add(request.number);
        created.add(request.created_at);
        expires.add(request.expires_at);
        digest.add(request.digest);
        policy.add(known.c.applied->policy_digest);
        record.add(its_record);
        words.add(its_words);
        rules.add(its_rules);
        action.add(request.action);
        environment.add(request.environment);
        resource.add(request.resource ? std::optional(resource_name(seals, *request.resource))
                                      : std::nullopt);
        requester.add(requester_name(seals, request.requester.name));
        asked_by.add(caller_name(seals, core::caller_key(request.requester)));
    }
    void add_key(const app::NewCase& fresh, const app::Seals& seals) {
        const auto& one = fresh.idempotency;
        token.add(one ? std::optional(one->token) : std::nullopt);
        key.add(one ? std::optional(one->key) : std::nullopt);
        fingerprint.add(one ? std::optional(one->fingerprint) : std::nullopt);
        key_seal.add(
            one ? std::optional(seals.seal(key_seal_input(*one, fresh.request.id, fresh.request.created_at)))
                : std::nullopt);
        forget_keys_before = fresh.opened.at - app::idempotency_holds;
    }
    Parameters finished() const {
        Parameters all =
            parameters(id, number, created, expires, digest, policy, record, rules, words, salt, action,
                       environment, resource, requester, asked_by, state, due, quorum, behind, seal,
                       entry_record, entry_words, token, key, fingerprint, holder, until);
        Column before{Oid::timestamptz}, limit{Oid::int4};
        before.add(forget_keys_before);
        limit.add(static_cast<std::int32_t>(cases.size()));
        all.push_back(before.only());
        for (const Column* column : {&card, &card_request, &surface, &channel})
            all.push_back(column->finished());
        all.push_back(limit.only());
        all.push_back(key_seal.finished());
        return all;
    }
};

}  // namespace

// Answers those that were written; the others have a key that is taken.
Sql<Done> CaseWriter::write_openings(Session& session, const std::vector<OpeningJob*>& openings,
                                     const app::Seals& seals) {
    auto numbers = session.run(next_numbers, Arguments::of(openings.size()));
    if (!numbers) return std::unexpected(numbers.error());
    OpeningRows rows;
    for (std::size_t i = 0; i < openings.size(); ++i)
        rows.add(*openings[i], whole_from((*numbers)[i][0]).value_or(0), seals);
    auto written = session.run(write_new_cases, rows.finished());
    if (!written) return std::unexpected(written.error());
    for (const auto& row : *written) {
        auto id = id_from<core::RequestId>(view(row[0]));
        auto one = std::ranges::find_if(
            openings, [&](auto* opening) { return id && opening->fresh.request.id == *id; });
        if (one == openings.end()) continue;
        StoredCasePtr& known = rows.cases[static_cast<std::size_t>(one - openings.begin())];
        (*one)->answer.emplace(app::OpenedCase{.opened = known->c,
                                               .ruling = (*one)->fresh.ruling,
                                               .repeat = false,
                                               .leased = !(*one)->fresh.cards.empty(),
                                               .cards = cards_of(**one)});
        memory_.put(std::move(known));
    }
    return Done{};
}

void CaseWriter::open_alone(Session& session, WaitingOpening& one) {
    for (int attempt = 1; !one.answered(); ++attempt) {
        auto done = open_once(session, one);
        if (done && one.answered()) return;
        if (done) {
            auto seals = sealing_.of(session);
            if (!seals) return one.refuse(as_failure(seals.error()));
            auto had = repeat_of(session, one, **seals);
            if (had || had.error().trouble != Trouble::not_found) {
                one.answer.emplace(std::move(had));
                return;
            }
            // The key was forgotten meanwhile.
            if (attempt < case_attempts_max) continue;
            return one.refuse({Trouble::overloaded, "busy, try again", {}, {}});
        }
        session.roll_back();
        using enum SqlTrouble::Kind;
        const SqlTrouble& trouble = done.error();
        // It was there already: our own, committed before the connection broke.
        if (one.maybe_ours && trouble.kind == broken) {
            auto c = read(session, one.fresh.request.id);
            if (!c) return one.refuse(c.error());
            one.answer.emplace(app::OpenedCase{std::move(*c), one.fresh.ruling, false,
                                               !one.fresh.cards.empty(), cards_of(one)});
            return;
        }
        if (trouble.kind == lost) one.maybe_ours = true;
        if (worth_another_try(trouble) && attempt < case_attempts_max && clock_.now() < one.deadline().at)
            continue;
        if (one.maybe_ours)
            return one.refuse({Trouble::timed_out,
                               "the database went away before it said whether this was recorded",
                               {},
                               {}});
        return one.refuse(as_failure(trouble));
    }
}

namespace {

// Says whether a request was opened with this key already, and not a day ago.
Sql<bool> key_taken_by_another(Session& session, const app::NewCase& fresh) {
    if (!fresh.idempotency) return false;
    auto rows = session.run(key_used, Arguments::of(fresh.idempotency->token, fresh.idempotency->key));
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) return false;
    const auto created_at = instant_from((*rows)[0][2]);
    return !created_at || *created_at >= fresh.opened.at - app::idempotency_holds;
}

}  // namespace

// One new request, once the rows of other requests that it asks about are locked. Without an answer
// afterwards its key is taken; with `held_back` in it nothing was written.
Sql<Done> CaseWriter::write_opening(Session& session, OpeningJob& job, const app::Seals& seals) {
    const core::Instant now = clock_.now();
    auto locked = lock_history(session, app::history_keys_of(job.fresh), seals, now);
    if (!locked) return std::unexpected(locked.error());
    if (!*locked) {
        job.answer.emplace(std::unexpected(locked->error()));
        return Done{};
    }
    auto judged = app::judge_opening(job.fresh, (*locked)->history, now);
    if (!judged.held_back.empty()) {
        // What comes a second time is not held back by itself.
        auto taken = key_taken_by_another(session, job.fresh);
        if (!taken) return std::unexpected(taken.error());
        if (*taken) return Done{};
        job.answer.emplace(app::kept_back(job.fresh, std::move(judged.held_back)));
        return Done{};
    }
    auto written = write_openings(session, {&job}, seals);
    if (!written || !job.answer) return written;
    written = write_history(session, **locked, judged.records, seals, now);
    if (written && job.fresh.callback) written = add_subscription(session, *job.fresh.callback, seals);
    if (!core::last_keys(job.fresh.request, job.fresh.applied).empty())
        (*job.answer)->opened.earlier = std::make_shared<const core::History>(std::move((*locked)->history));
    return written;
}

// Without an answer afterwards: its key is taken.
Sql<Done> CaseWriter::open_once(Session& session, WaitingOpening& one) {
    auto seals = sealing_.of(session);
    if (!seals) return std::unexpected(seals.error());
    auto begun = session.begin();
    if (!begun) return begun;
    auto written = write_opening(session, one, **seals);
    const bool kept_back = one.answer && (!*one.answer || !(*one.answer)->held_back.empty());
    if (written && kept_back) {
        session.roll_back();
        return Done{};
    }
    if (written) written = session.commit();
    if (!written) one.answer.reset();
    return written;
}

// What commands open beside what they append. False: an Idempotency-Key is taken, and whoever asked was told.
Sql<bool> CaseWriter::write_opened(Session& session, Step& step, const app::Seals& seals) {
    for (std::size_t i = 0; i < step.items.size(); ++i) {
        WaitingAppend& item = *step.items[i];
        auto& answer = step.answers[i];
        if (!item.what.opens || !answer || answer->refusal || answer->repeat) continue;
        if (std::ranges::find(step.plan.entries, i, &app::PlannedEntry::command) == step.plan.entries.end()) {
            // An earlier attempt was committed, and so was what it opened.
            auto c = read(session, item.what.opens->request.id);
            if (c)
                answer->opened = std::make_shared<app::OpenedCase>(
                    app::OpenedCase{std::move(*c), item.what.opens->ruling, false, false, {}});
            continue;
        }
        OpeningJob job{*item.what.opens, item.salt, item.chance};
        auto written = write_opening(session, job, seals);
        if (!written) return std::unexpected(written.error());
        if (!job.answer) {
            item.refuse(
                {Trouble::conflict, "this Idempotency-Key was used before", std::string(app::key_taken), {}});
            return false;
        }
        if (!*job.answer) {
            item.refuse(job.answer->error());
            return false;
        }
        if (!(*job.answer)->held_back.empty()) {
            item.refuse({Trouble::conflict,
                         (*job.answer)->held_back.front().sentence,
                         std::string(app::opening_held_back),
                         {}});
            return false;
        }
        answer->opened = std::make_shared<app::OpenedCase>(std::move(**job.answer));
    }
    return true;
}

// The key was used before: for the same thing (then that is the answer) or for another. not_found: it is free
// again.
Result<app::OpenedCase> CaseWriter::repeat_of(Session& session, const WaitingOpening& one,
                                              const app::Seals& seals) {
    const auto& key = one.fresh.idempotency;
    if (!key) return fail(Trouble::corrupt, "a new request was not stored");
    auto rows = session.run(key_used, Arguments::of(key->token, key->key));
    if (!rows) return std::unexpected(as_failure(rows.error()));
    if (rows->empty()) return fail(Trouble::not_found, "this Idempotency-Key is free");
    auto had_key = key_from((*rows)[0], *key, seals);
    if (!had_key) return pass(had_key);
    const auto& [id, fingerprint] = *had_key;
    if (fingerprint != key->fingerprint)
        return fail(Trouble::conflict, "this Idempotency-Key was used for another request",
                    "idempotency_mismatch");
    auto c = read(session, id);
    if (!c && c.error().trouble == Trouble::not_found)
        return fail(Trouble::corrupt, "an Idempotency-Key names a request that is not there");
    if (!c) return pass(c);
    bool ours = id == one.fresh.request.id;  // our own first attempt, whose answer was lost
    auto ruling = core::decide(*c);
    app::OpenedCase had{std::move(*c), std::move(ruling), !ours};
    auto leased = session.run(take_over, Arguments::of(id, one.fresh.lease.holder, one.fresh.lease.until));
    if (!leased) return std::unexpected(as_failure(leased.error()));
    had.leased = !leased->empty();
    return had;
}

}  // namespace countersign::pg
