#include "countersign/core/decide.hpp"

#include <algorithm>
#include <array>

#include "core/nudges.hpp"
#include "core/tally.hpp"
#include "countersign/base/check.hpp"

namespace countersign::core {
namespace {

constexpr std::array<std::string_view, 10> states{"pending",   "approved", "denied",    "refused", "expired",
                                                  "cancelled", "claimed",  "succeeded", "failed",  "lapsed"};

bool contains(const auto& all, const auto& one) {
    return std::ranges::find(all, one) != all.end();
}

}  // namespace

std::string_view name_of(State state) {
    return states[static_cast<std::size_t>(state)];
}

std::optional<State> parse_state(std::string_view text) {
    auto found = std::ranges::find(states, text);
    if (found == states.end()) return std::nullopt;
    return static_cast<State>(found - states.begin());
}

bool final(State state) {
    return state != State::pending && state != State::approved && state != State::claimed;
}

Tally::Tally(const Request& request, const Applied& applied)
    : request_(request), applied_(applied), asked_(groups_of(applied)) {}

void Tally::read(const Entry& entry) {
    std::visit([this](const auto& one) { on(one); }, entry);
    ++next_;
}

void Tally::on(const Opened& entry) {
    if (next_ != 0) return;
    behind_ = entry.behind;
    switch (applied_.kind) {
        case Applied::Kind::refuse:
            leave_pending(State::refused, entry.at, applied_.refusal);
            break;
        case Applied::Kind::allow:
            leave_pending(State::approved, entry.at, {});
            grant_ends_ = entry.at + applied_.grant;
            break;
        case Applied::Kind::require:
            if (entry.dead_end) leave_pending(State::refused, entry.at, *entry.dead_end);
            break;
    }
}

void Tally::on(const Voted& entry) {
    if (!in_time(entry.at) || !counts(entry.voter)) return;
    if (entry.verdict == Verdict::hold || entry.verdict == Verdict::release) return;
    std::erase_if(marks_, [&](const Mark& mark) {
        return mark.vote.person == entry.voter.person || mark.vote.account == entry.voter.account;
    });
    if (entry.verdict != Verdict::withdraw) {
        marks_.push_back({{entry.voter.person, entry.voter.account, entry.verdict, entry.via, entry.at,
                           entry.reason, std::nullopt, next_},
                          entry.voter});
    }
    if (entry.verdict == Verdict::deny) return leave_pending(State::denied, entry.at, entry.reason);
    if (entry.verdict == Verdict::approve) recheck(entry.recheck, entry.at);
    if (state_ == State::pending && entry.dead_end) leave_pending(State::refused, entry.at, *entry.dead_end);
}

void Tally::on(const Held& entry) {
    if (!in_time(entry.at) || held_ || !counts(entry.voter)) return;
    held_ = HoldMark{entry.voter.person, entry.voter.account, entry.reason, entry.at};
}

void Tally::on(const Released& entry) {
    if (!in_time(entry.at) || !held_) return;
    held_.reset();
    recheck(entry.recheck, entry.at);
}

void Tally::on(const Rejudged& entry) {
    if (!in_time(entry.at)) return;
    for (const PersonId& person : entry.behind)
        if (!contains(behind_, person)) behind_.push_back(person);
    for (const Standing& again : entry.recheck) {
        for (Mark& mark : marks_) {
            if (again.account != mark.vote.account) continue;
            mark.standing = again;
            mark.vote.person = again.person;
        }
        if (held_ && held_->account == again.account) held_->person = again.person;
    }
    // Of two votes that are one person's now, the later one stands.
    for (std::size_t i = 0; i < marks_.size();) {
        const bool repeated =
            std::any_of(marks_.begin() + static_cast<std::ptrdiff_t>(i) + 1, marks_.end(),
                        [&](const Mark& later) { return later.vote.person == marks_[i].vote.person; });
        if (repeated)
            marks_.erase(marks_.begin() + static_cast<std::ptrdiff_t>(i));
        else
            ++i;
    }
    if (entry.dead_end) leave_pending(State::refused, entry.at, *entry.dead_end);
}

void Tally::on(const Lapsed& entry) {
    if (state_ == State::pending) {
        leave_pending(State::expired, entry.at, {});
    } else if (state_ == State::approved) {
        state_ = State::lapsed;
        grant_ends_.reset();
    }
}

void Tally::on(const Cancelled& entry) {
    if (state_ == State::pending) {
        leave_pending(State::cancelled, entry.at, entry.reason);
    } else if (state_ == State::approved) {
        state_ = State::cancelled;
        reason_ = entry.reason;
        grant_ends_.reset();
    }
}

void Tally::on(const Claimed& entry) {
    if (state_ != State::approved || !grant_ends_ || entry.at >= *grant_ends_) return;
    state_ = State::claimed;
    grant_ends_.reset();
}

void Tally::on(const Reported& entry) {
    if (state_ == State::claimed) state_ = entry.succeeded ? State::succeeded : State::failed;
}

// Whether somebody of this standing may fill a slot at all.
bool Tally::counts(const Standing& standing) const {
    return !standing.behind && standing.klass == AccountClass::member && standing.unlinked.empty() &&
           !contains(behind_, standing.person) &&
           std::ranges::any_of(standing.groups,
                               [&](const GroupId& group) { return contains(asked_, group); });
}

void Tally::leave_pending(State state, Instant at, const std::string& reason) {
    if (state != State::approved && applied_.kind == Applied::Kind::require) count_best(all_seats());
    state_ = state;
    decided_at_ = at;
    reason_ = reason;
}

// The only place where votes approve: everybody counted was looked up again, all at the same moment.
void Tally::recheck(const std::vector<Standing>& standings, Instant at) {
    if (standings.empty()) return;
    for (Mark& mark : marks_)
        for (const Standing& again : standings)
            if (again.account == mark.vote.account) mark.standing = again;
    if (held_) return;
    auto present = voters(standings);
    for (std::size_t i = 0; i < applied_.alternatives.size(); ++i) {
        Seats seats = seat(i, present);
        if (!seats.assignment.complete() || seats.assignment.voter_of.empty()) continue;
        assert_quorum(seats);
        count(seats);
        leave_pending(State::approved, at, {});
        grant_ends_ = at + applied_.grant;
        return;
    }
}

// Marks that approve and may fill slots, in log order, one per person: the latest, should two accounts have
// turned out to be one person's. With `only`, of those whose standing is among them.
std::vector<std::size_t> Tally::voters(std::span<const Standing> only) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
        const Mark& mark = marks_[i];
        if (mark.vote.verdict != Verdict::approve || !counts(mark.standing)) continue;
        std::erase_if(found,
                      [&](std::size_t j) { return marks_[j].standing.person == mark.standing.person; });
        found.push_back(i);
    }
    if (only.empty()) return found;
    std::erase_if(found, [&](std::size_t i) {
        return std::ranges::find(only, marks_[i].vote.account, &Standing::account) == only.end();
    });
    return found;
}

Tally::Seats Tally::seat(std::size_t alternative, std::vector<std::size_t> marks) const {
    std::vector<const GroupsOfVoter*> groups;
    groups.reserve(marks.size());
    for (std::size_t i : marks) groups.push_back(&marks_[i].standing.groups);
    Assignment assignment = assign(applied_.alternatives[alternative], groups);
    return {alternative, std::move(marks), std::move(assignment)};
}

std::vector<Tally::Seats> Tally::all_seats() const {
    auto present = voters({});
    std::vector<Seats> all;
    for (std::size_t i = 0; i < applied_.alternatives.size(); ++i) all.push_back(seat(i, present));
    return all;
}

// By the alternative that lacks least, the first of several.
void Tally::count_best(const std::vector<Seats>& all) {
    auto lack = [](const Seats& seats) { return seats.assignment.voter_of.size() - seats.assignment.filled; };
    auto best = std::ranges::min_element(all, {}, lack);
    if (best != all.end()) count(*best);
}

void Tally::count(const Seats& seats) {
    for (Mark& mark : marks_) mark.vote.counted_for.reset();
    const Assignment& assignment = seats.assignment;
    for (std::size_t slot = 0; slot < assignment.voter_of.size(); ++slot) {
        if (!assignment.voter_of[slot]) continue;
        marks_[seats.marks[*assignment.voter_of[slot]]].vote.counted_for =
            applied_.alternatives[seats.alternative].groups[assignment.group_of[slot]].of;
    }
}

// Counted again, without the matching: whoever ends this process here has prevented a wrong approval.
void Tally::assert_quorum(const Seats& seats) const {
    const Slots& slots = applied_.alternatives[seats.alternative];
    std::vector<std::uint32_t> filled(slots.groups.size(), 0);
    std::vector<PersonId> seen;
    for (std::size_t slot = 0; slot < seats.assignment.voter_of.size(); ++slot) {
        COUNTERSIGN_CHECK(seats.assignment.voter_of[slot].has_value());
        const Mark& mark = marks_[seats.marks[*seats.assignment.voter_of[slot]]];
        const std::size_t group = seats.assignment.group_of[slot];
        COUNTERSIGN_CHECK(mark.vote.verdict == Verdict::approve);
        COUNTERSIGN_CHECK(!mark.standing.behind && !contains(behind_, mark.standing.person));
        COUNTERSIGN_CHECK(contains(mark.standing.groups, slots.groups[group].of));
        COUNTERSIGN_CHECK(!contains(seen, mark.standing.person));
        seen.push_back(mark.standing.person);
        ++filled[group];
    }
    for (std::size_t group = 0; group < slots.groups.size(); ++group)
        COUNTERSIGN_CHECK(filled[group] == slots.groups[group].count);
}

bool Tally::quorum() const {
    return std::ranges::any_of(all_seats(), [](const Seats& seats) { return seats.assignment.complete(); });
}

std::vector<AccountId> Tally::approvers() const {
    std::vector<AccountId> accounts;
    for (const Mark& mark : marks_)
        if (mark.vote.verdict == Verdict::approve) accounts.push_back(mark.vote.account);
    return accounts;
}

std::vector<Standing> Tally::voters() const {
    std::vector<Standing> standings;
    for (const Mark& mark : marks_) standings.push_back(mark.standing);
    return standings;
}

std::vector<Standing> Tally::approvals() const {
    std::vector<Standing> standings;
    for (std::size_t i : voters({})) standings.push_back(marks_[i].standing);
    return standings;
}

Ruling Tally::ruling() const& {
    Tally copy = *this;
    return std::move(copy).ruling();
}

Ruling Tally::ruling() && {
    Ruling result;
    if (state_ == State::pending && applied_.kind == Applied::Kind::require) {
        auto all = all_seats();
        count_best(all);
        for (const Seats& seats : all)
            result.missing.push_back(unfilled(applied_.alternatives[seats.alternative], seats.assignment));
    }
    result.state = state_;
    result.votes.reserve(marks_.size());
    for (Mark& mark : marks_) result.votes.push_back(std::move(mark.vote));
    if (state_ == State::pending) result.held = std::move(held_);
    result.decided_at = decided_at_;
    result.reason = std::move(reason_);
    result.grant_ends = grant_ends_;
    return result;
}

Ruling decide(const Request& request, const Applied& applied, std::span<const Entry> entries) {
    Tally tally{request, applied};
    for (const Entry& entry : entries) tally.read(entry);
    return std::move(tally).ruling();
}

std::optional<Instant> Tally::due_at() const {
    if (state_ == State::pending) return request_.expires_at;
    return grant_ends_;
}

std::optional<Instant> due_at(const Case& c, const Ruling& ruling) {
    if (ruling.state == State::pending)
        return std::min(c.request.expires_at, Nudges{c}.first().value_or(c.request.expires_at));
    if (ruling.state == State::approved) return ruling.grant_ends;
    return std::nullopt;
}

}  // namespace countersign::core
