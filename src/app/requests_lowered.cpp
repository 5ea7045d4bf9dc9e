#include "app/requests_lowered.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "app/card_targets.hpp"
#include "countersign/app/plan.hpp"
#include "countersign/app/requests.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/core/lowering.hpp"
#include "countersign/core/match.hpp"
#include "countersign/core/session.hpp"

// What opens a request beside what happens to another one: a voter lowers what was asked for, or a session
// covers what is asked for. Both are one transaction, so that there is never the one without the other.
namespace countersign::app {
namespace {

constexpr core::Duration groups_patience{std::chrono::seconds{2}};
// Each round learns of another budget that is spent, or ends what came before.
constexpr int held_back_rounds_max = 12;
constexpr std::size_t sessions_looked_at_max = 50;  // open ones of one caller and action, the newest

}  // namespace

const core::Cancelled* lowering_of(const core::Case& c) {
    for (const core::Entry& entry : c.entries)
        if (const auto* cancelled = std::get_if<core::Cancelled>(&entry); cancelled && cancelled->narrowed)
            return cancelled;
    return nullptr;
}

namespace {

// An act that follows from another one, and is as recognisable when that comes again.
Origin following(const Origin& origin) {
    return {"lowered:" + sha256_hex(origin.key)};
}

}  // namespace

// Matched anew, as if it had been asked for so in the first place, and with as much time. Whoever was behind
// the first one stays behind this one.
Later<NewCase> Requests::lowered_case(core::Case before, core::Request less, core::AccountId by,
                                      Deadline deadline) {
    auto now = runtime_.now();
    auto what = core::lowered_text(before.request, less, before.applied);
    less.id = core::RequestId::mint(now, rt::chance(runtime_.entropy));
    less.number = 0;
    less.created_at = now;
    auto directory = parts_.roster.snapshot();
    const auto as_long = before.request->expires_at - before.request->created_at;
    auto applied = core::match(*directory, less, as_long, now);
    if (!applied) co_return pass(applied);
    less.expires_at = now + applied->expires;
    Deadline patience{std::min(deadline.at, now + groups_patience)};
    auto groups = core::all_groups_of(*applied);
    if (!groups.empty()) co_await parts_.roster.ensure_groups(std::move(groups), patience);
    directory = parts_.roster.snapshot();
    auto opening = plan_opening(less, *applied, *directory, now);
    const auto& first = std::get<core::Opened>(before.entries.front());
    opening.opened.behind_accounts.insert(opening.opened.behind_accounts.end(), first.behind_accounts.begin(),
                                          first.behind_accounts.end());
    opening.opened.narrowed_from =
        core::Opened::NarrowedFrom{before.request->id, before.request->number, by, std::move(what)};
    auto cards =
        core::open(opening.ruling.state) ? card_targets(*applied) : named_targets(*applied, parts_.chats);
    if (core::open(opening.ruling.state))
        std::ranges::move(direct_targets(less, *applied, opening.opened, *directory, parts_.chats.surfaces()),
                          std::back_inserter(cards));
    co_return NewCase{.request = std::move(less),
                      .applied = std::move(*applied),
                      .opened = std::move(opening.opened),
                      .ruling = std::move(opening.ruling),
                      .cards = std::move(cards),
                      .idempotency = {},
                      .lease = runtime_.lease()};
}

Later<Answer> Requests::lower(core::RequestId request, core::Cast ballot, Origin origin, Deadline deadline) {
    auto known = co_await know_voter(request, ballot.account, deadline);
    if (!known) co_return pass(known);
    auto before = co_await parts_.cases.read(request, deadline);
    if (!before) co_return pass(before);
    // Where the numbers are wrong, the refusal is the case's to make and to record.
    std::shared_ptr<const NewCase> opens;
    if (auto less = core::lowered(before->request, before->applied, ballot.numbers)) {
        auto made = co_await lowered_case(*before, std::move(*less), ballot.account, deadline);
        if (!made) co_return pass(made);
        if (made->ruling.state == core::State::refused)
            co_return Answer{
                .now = with_ruling(std::move(*before)),
                .refusal = core::Refusal{core::Why::not_lowerable,
                                         "The policy refuses it with these numbers (" + made->ruling.reason +
                                             "), so nothing was changed."}};
        ballot.into = made->request.id;
        opens = std::make_shared<const NewCase>(std::move(*made));
    }
    auto stored = co_await store(request, ballot, origin, opens, deadline);
    if (!stored && stored.error().code == opening_held_back)
        co_return Answer{.now = with_ruling(std::move(*before)),
                         .refusal = core::Refusal{core::Why::not_lowerable,
                                                  "It cannot be asked for with these numbers now (" +
                                                      stored.error().detail + "), so nothing was changed."}};
    if (!stored) co_return pass(stored);
    CasePtr lowered;
    if (stored->opened) lowered = make_known(std::move(*stored->opened)).now;
    auto answer = committed(std::move(*stored));
    const auto* ended = answer.refusal ? nullptr : lowering_of(answer.now->c);
    if (!ended) co_return answer;
    if (!lowered) {
        auto there = co_await read(ended->narrowed->into, deadline);
        if (!there) co_return pass(there);
        lowered = std::move(*there);
    }
    auto approved = co_await approve_lowered(std::move(ballot), origin, lowered, deadline);
    answer.lowered = approved ? std::move(*approved) : std::move(lowered);
    co_return answer;
}

// Whoever lowers it saw the request and chose the numbers. Where more is asked of an approval than that, the
// new card asks for it.
Later<CasePtr> Requests::approve_lowered(core::Cast ballot, Origin origin, CasePtr lowered,
                                         Deadline deadline) {
    if (!ballot.saw_all || !core::open(lowered->ruling.state)) co_return lowered;
    auto id = lowered->c.request->id;
    ballot.verdict = core::Verdict::approve;
    ballot.shown_digest = lowered->c.request->digest;
    ballot.numbers.clear();
    ballot.into.reset();
    auto answer = co_await cast(id, std::move(ballot), following(origin), deadline);
    if (!answer) co_return pass(answer);
    co_return std::move(answer->now);
}

// nullptr: no session covers it.
Later<std::shared_ptr<OpenedCase>> Requests::open_in_session(NewCase fresh, Deadline deadline) {
    // One that hides nothing, is for one act, and could be asked of somebody.
    if (fresh.opened.dead_end || core::session_of(fresh.request, fresh.applied))
        co_return std::shared_ptr<OpenedCase>{};
    ListFilter filter;
    filter.states = {core::State::approved};
    filter.action = fresh.request.action;
    filter.asked_by = core::caller_key(fresh.request.requester);
    filter.limit = sessions_looked_at_max;
    auto page = co_await parts_.cases.list(std::move(filter), deadline);
    if (!page) co_return pass(page);
    for (const core::Case& session : page->cases) {
        if (!core::covers(session, fresh.request, fresh.applied)) continue;
        auto opens = std::make_shared<NewCase>(fresh);
        opens->opened.session = session.request->id;
        const core::Entry first{opens->opened};
        opens->ruling = core::decide(opens->request, opens->applied, std::span(&first, 1));
        opens->cards.clear();
        core::Use use{opens->request, opens->applied};
        auto used = co_await store(session.request->id, std::move(use),
                                   Origin{"use:" + opens->request.id.text()}, opens, deadline);
        // Its key was used before, and stands for the request of then; or a budget is spent.
        if (!used && (used.error().code == key_taken || used.error().code == opening_held_back))
            co_return std::shared_ptr<OpenedCase>{};
        if (!used) co_return pass(used);
        auto covered = std::move(used->opened);
        committed(std::move(*used));
        if (covered) co_return covered;
    }
    co_return std::shared_ptr<OpenedCase>{};
}

// Stores a new request, by a session where one covers it. Nothing is stored where other requests hold it
// back.
Later<OpenedCase> Requests::file(NewCase fresh, Deadline deadline) {
    if (core::open(fresh.ruling.state) && fresh.applied.session) {
        auto covered = co_await open_in_session(fresh, deadline);
        if (!covered) co_return pass(covered);
        if (*covered) co_return std::move(**covered);
    }
    co_return co_await parts_.cases.open(std::move(fresh), deadline);
}

// A budget may be spent, or others come first: then the rules are asked again, knowing that, and what they
// say is filed. What is to end for it ends first.
Later<Filed> Requests::file_in_turn(Asked asked, NewCase fresh, Deadline deadline) {
    std::vector<core::HeldBack> known;
    for (int attempt = 1;; ++attempt) {
        auto stored = co_await file(fresh, deadline);
        if (!stored) co_return pass(stored);
        if (stored->held_back.empty()) co_return make_known(std::move(*stored));
        if (attempt == held_back_rounds_max)
            co_return fail(Trouble::overloaded, "requests like this one come and go too fast; try again");
        for (core::HeldBack& one : stored->held_back) {
            if (one.kind != core::HeldBack::Kind::supersedes) {
                known.push_back(std::move(one));
                continue;
            }
            for (const core::RequestId& before : one.ahead) {
                core::Supersede command{asked.request.id, asked.request.requester.account};
                Origin origin{"supersede:" + asked.request.id.text()};
                auto ended = co_await append(before, std::move(command), std::move(origin), deadline);
                if (!ended) co_return pass(ended);
                // It was opened under rules that protect it, so it comes first.
                if (ended->refusal && ended->refusal->why == core::Why::not_superseded)
                    known.push_back({core::HeldBack::Kind::turn,
                                     {},
                                     one.sentence + ", and " + before.text() + " comes first"});
            }
        }
        auto again = co_await as_ruled(asked, known, deadline);
        if (!again) co_return pass(again);
        fresh = std::move(*again);
    }
}

}  // namespace countersign::app
