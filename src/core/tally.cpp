#include "core/tally.hpp"

#include <algorithm>
#include <functional>

#include "core/lists.hpp"
#include "core/self_approvals.hpp"
#include "countersign/base/check.hpp"
#include "countersign/core/session.hpp"

namespace countersign::core {

Tally::Tally(const Request& request, const Applied& applied) : request_(request), applied_(applied) {
    auto add = [&](const GroupId& group) {
        if (!index_of(group)) groups_.push_back({&group, fingerprint_of(group.text())});
    };
    for (const Slots& slots : applied.alternatives)
        for (const CountOf& one : slots.groups) add(one.of);
    slot_groups_ = groups_.size();
    for (const CountOf& one : applied.deny.counts) add(one.of);
    denial_groups_ = groups_.size();
    for (const GroupId& group : applied.release) add(group);
}

void Tally::read(const Entry& entry) {
    std::visit([this](const auto& one) { on(one); }, entry);
    ++next_;
}

void Tally::on(const Opened& entry) {
    if (next_ != 0) return;
    behind_ = entry.behind;
    opened_at_ = entry.at;
    switch (applied_.kind) {
        case Applied::Kind::refuse:
            leave_pending(State::refused, entry.at, applied_.refusal);
            break;
        case Applied::Kind::allow:
            leave_pending(State::approved, entry.at, {});
            grant_ends_ = grant_end(entry.at);
            break;
        case Applied::Kind::require:
            if (entry.dead_end) {
                leave_pending(State::refused, entry.at, *entry.dead_end);
            } else if (entry.session) {
                leave_pending(State::approved, entry.at, {});
                grant_ends_ = grant_end(entry.at);
            }
            break;
    }
}

void Tally::on(const Voted& entry) {
    if (!in_time(entry.at)) return;
    Mark mark{&entry,
              &entry.voter,
              &entry.voter.person,
              next_,
              groups_among(entry.voter),
              fingerprint_of(entry.voter.person.text()),
              fingerprint_of(entry.voter.account.text()),
              nullptr};
    switch (entry.verdict) {
        case Verdict::approve:
            if (!may_approve(mark)) return;
            break;
        case Verdict::deny:
            if (!may_object(entry.voter, with_stand_ins(entry.voter))) return;
            break;
        case Verdict::withdraw:
            if (entry.voter.klass != AccountClass::member) return;
            break;
        case Verdict::hold:
        case Verdict::release:
        case Verdict::lower:  // these three are no votes: they end the case, or come after it
        case Verdict::revoke:
        case Verdict::review:
            return;
    }
    std::erase_if(marks_, [&](const Mark& other) {
        return (other.person_fingerprint == mark.person_fingerprint && *other.person == *mark.person) ||
               (other.account_fingerprint == mark.account_fingerprint &&
                other.vote->voter.account == entry.voter.account);
    });
    if (entry.verdict != Verdict::withdraw) marks_.push_back(std::move(mark));
    if (entry.verdict == Verdict::deny) {
        if (ends_alone(marks_.back())) return leave_pending(State::denied, entry.at, entry.reason);
        look_again(entry.recheck);
        if (!entry.recheck.empty() && denied_by_count(entry.recheck))
            return leave_pending(State::denied, entry.at, entry.reason);
    }
    if (entry.verdict == Verdict::approve) recheck_approvals(entry.recheck, entry.at);
    if (state_ == State::pending && entry.dead_end) leave_pending(State::refused, entry.at, *entry.dead_end);
}

void Tally::on(const Held& entry) {
    if (!in_time(entry.at) || held_ || !may_object(entry.voter, with_stand_ins(entry.voter))) return;
    held_ = Hold{&entry, &entry.voter.person};
}

void Tally::on(const Released& entry) {
    if (!in_time(entry.at) || !held_ || !may_release(entry)) return;
    held_.reset();
    recheck_approvals(entry.recheck, entry.at);
}

void Tally::on(const Rejudged& entry) {
    if (!in_time(entry.at)) return;
    for (const PersonId& person : entry.behind)
        if (!contains(behind_, person)) behind_.push_back(person);
    look_again(entry.recheck);
    for (const Standing& again : entry.recheck) {
        for (Mark& mark : marks_) {
            if (mark.standing != &again) continue;
            mark.person = &again.person;
            mark.person_fingerprint = fingerprint_of(again.person.text());
        }
        if (held_ && held_->entry->voter.account == again.account) held_->person = &again.person;
    }
    // Where two votes turn out to be one person's, the later one stands.
    for (std::size_t i = 0; i < marks_.size();) {
        const bool repeated =
            std::any_of(marks_.begin() + static_cast<std::ptrdiff_t>(i) + 1, marks_.end(),
                        [&](const Mark& later) { return *later.person == *marks_[i].person; });
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
    if (state_ != State::approved || !grant_ends_ || entry.at >= *grant_ends_ || !claimable(entry.at)) return;
    state_ = State::claimed;
    grant_ends_.reset();
}

void Tally::on(const Reported& entry) {
    if (state_ == State::claimed) state_ = entry.succeeded ? State::succeeded : State::failed;
}

void Tally::on(const Escalated& entry) {
    if (!in_time(entry.at) || !applied_.widening) return;
    widened_ = widened_ || entry.at >= opened_at_ + applied_.widening->after;
    for (Mark& mark : marks_) mark.groups = groups_among(*mark.standing);
}

// ---- who may do what

std::optional<std::size_t> Tally::index_of(const GroupId& group) const {
    const std::uint64_t fingerprint = fingerprint_of(group.text());
    for (std::size_t index = 0; index < groups_.size(); ++index)
        if (groups_[index].fingerprint == fingerprint && *groups_[index].name == group) return index;
    return std::nullopt;
}

// ---- which groups a voter speaks for

GroupSet Tally::groups_among(const Standing& standing) const {
    GroupSet set;
    for (const GroupId& group : standing.groups)
        if (auto index = index_of(group)) set.add(*index);
    if (widened_for(standing))
        for (std::size_t index = 0; index < slot_groups_; ++index) set.add(index);
    return set;
}

bool Tally::widened_for(const Standing& standing) const {
    return widened_ && std::ranges::all_of(applied_.widening->approvers, [&](const GroupId& group) {
               return contains(standing.groups, group);
           });
}

// Their own word goes before that of whom they asked instead.
bool Tally::has_spoken(const StandIn& away) const {
    return std::ranges::any_of(marks_, [&](const Mark& mark) {
        return *mark.person == away.person || mark.vote->voter.account == away.account;
    });
}

const StandIn* Tally::absent_for(const Mark& mark, const GroupId& group) const {
    const Standing& standing = *mark.standing;
    if (contains(standing.groups, group) || widened_for(standing) || !applied_.delegate) return nullptr;
    const auto away = std::ranges::find_if(standing.stands_in, [&](const StandIn& one) {
        return contains(one.groups, group) && !contains(behind_, one.person) && !has_spoken(one);
    });
    return away == standing.stands_in.end() ? nullptr : &*away;
}

GroupSet Tally::slots_of(const Mark& mark) const {
    GroupSet set = mark.groups;
    if (applied_.delegate && !excluded(*mark.standing)) {
        for (const StandIn& one : mark.standing->stands_in) {
            if (contains(behind_, one.person) || has_spoken(one)) continue;
            for (const GroupId& group : one.groups)
                if (auto index = index_of(group)) set.add(*index);
        }
    }
    // Whoever filled a slot of a group for one of the last requests leaves this one to others, and fills it
    // for nobody else either.
    for (const GroupId& group : mark.standing->filled_last)
        if (auto index = index_of(group)) set.remove(*index);
    return set;
}

GroupSet Tally::with_stand_ins(const Standing& standing) const {
    GroupSet set = groups_among(standing);
    if (!applied_.delegate) return set;
    for (const StandIn& one : standing.stands_in)
        for (const GroupId& group : one.groups)
            if (auto index = index_of(group)) set.add(*index);
    return set;
}

// Says whether this is somebody behind the request, as recorded by now.
bool Tally::excluded(const Standing& standing) const {
    return standing.behind || contains(behind_, standing.person);
}

// Somebody behind the request may approve it only by a vote that was cast as such, with its reason.
bool Tally::may_approve(const Mark& mark) const {
    return able(*mark.standing) && !mark.standing->excluded && slots_of(mark).any_below(slot_groups_) &&
           (!applied_.reason_required || !mark.vote->reason.empty()) &&
           (!applied_.resource_typed || mark.vote->resource_typed) && signed_in(*mark.vote) &&
           (!excluded(*mark.standing) || self_approves(mark));
}

bool Tally::signed_in(const Voted& vote) const {
    return applied_.step_up.empty() || (vote.sign_in && meets_all(applied_.step_up, *vote.sign_in, vote.at));
}

bool Tally::self_approves(const Mark& mark) const {
    return applied_.self_approval && mark.vote->voter.self_approval && mark.standing->self_approval &&
           may_approve_own(*applied_.self_approval, *mark.standing) &&
           !(applied_.self_approval->reason_required && mark.vote->reason.empty());
}

bool Tally::may_release(const Released& entry) const {
    if (excluded(entry.voter)) return false;
    if (!entry.as_releaser) return true;
    return able(entry.voter) && !applied_.release.empty() &&
           std::ranges::all_of(applied_.release,
                               [&](const GroupId& group) { return contains(entry.voter.groups, group); });
}

// ---- what the votes come to

void Tally::leave_pending(State state, Instant at, const std::string& reason) {
    if (state != State::approved && applied_.kind == Applied::Kind::require) count_best();
    state_ = state;
    decided_at_ = at;
    reason_ = reason;
}

// Replaces the standings of voters by those that were looked up again.
void Tally::look_again(Subset standings) {
    for (const Standing& again : standings) {
        const std::uint64_t fingerprint = fingerprint_of(again.account.text());
        for (Mark& mark : marks_) {
            if (mark.account_fingerprint != fingerprint || mark.vote->voter.account != again.account)
                continue;
            mark.standing = &again;
            mark.groups = groups_among(again);
        }
    }
}

// This is the only place where votes approve: everybody counted was looked up again, all at the same moment.
void Tally::recheck_approvals(Subset standings, Instant at) {
    if (standings.empty()) return;
    look_again(standings);
    if (held_) return;
    auto present = voters(standings);
    for (std::size_t i = 0; i < applied_.alternatives.size(); ++i) {
        Seats seats = seat(i, present);
        if (!seats.assignment.complete() || seats.assignment.voter_of.empty()) continue;
        assert_quorum(seats);
        count(seats);
        leave_pending(State::approved, at, {});
        grant_ends_ = grant_end(at);
        open_review(at);
        return;
    }
}

bool Tally::denied_by_count(Subset subset) const {
    return std::ranges::any_of(applied_.deny.counts, [&](const CountOf& wanted) {
        return denials(wanted.of, subset) >= wanted.count;
    });
}

std::size_t Tally::denials(const GroupId& group, Subset subset) const {
    std::vector<const PersonId*> people;
    for (const Mark& mark : marks_) {
        // Whom an escalation lets fill a slot of the group is not in it.
        if (mark.vote->verdict != Verdict::deny || !contains(mark.standing->groups, group)) continue;
        if (!may_object(*mark.standing, mark.groups) || !among(subset, mark)) continue;
        const PersonId& person = mark.standing->person;
        if (std::ranges::none_of(people, [&](const PersonId* seen) { return *seen == person; }))
            people.push_back(&person);
    }
    return people.size();
}

// Says whether the mark's voter is among those looked up at this moment; true where no subset is given.
bool Tally::among(Subset subset, const Mark& mark) {
    if (subset.empty()) return true;
    // Where it is, look_again has just made the mark refer to an element of the subset.
    return std::less_equal<>{}(subset.data(), mark.standing) &&
           std::less<>{}(mark.standing, subset.data() + subset.size());
}

// Returns the marks that approve and may fill slots, in log order, one for each person: the latest, should
// two accounts have turned out to be one person's. With a subset, only its voters are returned.
std::vector<std::size_t> Tally::voters(Subset subset) const {
    std::vector<std::size_t> found;
    std::vector<std::uint64_t> fingerprints;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
        const Mark& mark = marks_[i];
        if (mark.vote->verdict != Verdict::approve || !may_approve(mark)) continue;
        const PersonId& person = mark.standing->person;
        const std::uint64_t fingerprint = fingerprint_of(person.text());
        for (std::size_t j = 0; j < found.size(); ++j) {
            if (fingerprints[j] != fingerprint || marks_[found[j]].standing->person != person) continue;
            found.erase(found.begin() + static_cast<std::ptrdiff_t>(j));
            fingerprints.erase(fingerprints.begin() + static_cast<std::ptrdiff_t>(j));
            break;
        }
        found.push_back(i);
        fingerprints.push_back(fingerprint);
    }
    if (!subset.empty()) std::erase_if(found, [&](std::size_t i) { return !among(subset, marks_[i]); });
    return found;
}

Tally::Seats Tally::seat(std::size_t alternative, std::vector<std::size_t> marks) const {
    const Slots& slots = applied_.alternatives[alternative];
    std::vector<GroupSet> open;
    open.reserve(marks.size());
    for (std::size_t mark : marks) open.push_back(slots_of(marks_[mark]));
    VotersByGroup by_group(slots.groups.size());
    for (std::size_t g = 0; g < slots.groups.size(); ++g) {
        const auto index = index_of(slots.groups[g].of);
        for (std::size_t voter = 0; voter < marks.size(); ++voter)
            if (index && open[voter].has(*index)) by_group[g].push_back(voter);
    }
    Assignment assignment = assign_in_turn(slots, std::move(by_group), marks.size());
    return {alternative, std::move(marks), std::move(assignment)};
}

std::vector<Tally::Seats> Tally::all_seats() const {
    auto present = voters({});
    std::vector<Seats> all;
    all.reserve(applied_.alternatives.size());
    for (std::size_t i = 0; i < applied_.alternatives.size(); ++i) all.push_back(seat(i, present));
    return all;
}

namespace {

// Returns the alternative that lacks least, the first of several.
const auto* best_of(const auto& all) {
    auto lack = [](const auto& seats) { return seats.assignment.voter_of.size() - seats.assignment.filled; };
    auto best = std::ranges::min_element(all, {}, lack);
    return best == all.end() ? nullptr : &*best;
}

}  // namespace

void Tally::count_best() {
    const auto all = all_seats();
    if (const Seats* best = best_of(all)) count(*best);
}

void Tally::count(const Seats& seats) {
    for (Mark& mark : marks_) mark.counted_for = nullptr;
    each_seat(seats, [&](std::size_t mark, const GroupId& group) { marks_[mark].counted_for = &group; });
}

void Tally::each_seat(const Seats& seats, auto see) const {
    const Assignment& assignment = seats.assignment;
    for (std::size_t slot = 0; slot < assignment.voter_of.size(); ++slot) {
        if (!assignment.voter_of[slot]) continue;
        see(seats.marks[*assignment.voter_of[slot]],
            applied_.alternatives[seats.alternative].groups[assignment.group_of[slot]].of);
    }
}

// Counts again without the matching. If this ends the process, it has prevented a wrong approval.
void Tally::assert_quorum(const Seats& seats) const {
    const Slots& slots = applied_.alternatives[seats.alternative];
    std::vector<std::uint32_t> filled(slots.groups.size(), 0);
    std::vector<PersonId> seen;
    for (std::size_t slot = 0; slot < seats.assignment.voter_of.size(); ++slot) {
        COUNTERSIGN_CHECK(seats.assignment.voter_of[slot].has_value());
        const Mark& mark = marks_[seats.marks[*seats.assignment.voter_of[slot]]];
        const Standing& now = *mark.standing;
        const std::size_t group = seats.assignment.group_of[slot];
        COUNTERSIGN_CHECK(mark.vote->verdict == Verdict::approve);
        COUNTERSIGN_CHECK((!now.behind && !contains(behind_, now.person)) || self_approves(mark));
        COUNTERSIGN_CHECK(!now.excluded && signed_in(*mark.vote));
        COUNTERSIGN_CHECK(contains(now.groups, slots.groups[group].of) || widened_for(now) ||
                          absent_for(mark, slots.groups[group].of));
        COUNTERSIGN_CHECK(!contains(now.filled_last, slots.groups[group].of));
        COUNTERSIGN_CHECK(!contains(seen, now.person));
        seen.push_back(now.person);
        ++filled[group];
    }
    for (std::size_t group = 0; group < slots.groups.size(); ++group)
        COUNTERSIGN_CHECK(filled[group] == slots.groups[group].count);
}

// Nobody can use a grant before it may be claimed at all.
Instant Tally::grant_end(Instant approved_at) const {
    if (const auto session = session_of(request_, applied_)) return approved_at + session->lasts;
    return std::max(approved_at, opened_at_ + applied_.claim_after) + applied_.grant;
}

bool Tally::quorum() const {
    return std::ranges::any_of(all_seats(), [](const Seats& seats) { return seats.assignment.complete(); });
}

std::vector<AccountId> Tally::accounts_that(Verdict verdict) const {
    std::vector<AccountId> accounts;
    for (const Mark& mark : marks_)
        if (mark.vote->verdict == verdict) accounts.push_back(mark.vote->voter.account);
    return accounts;
}

std::vector<Standing> Tally::approvals() const {
    std::vector<Standing> standings;
    for (std::size_t i : voters({})) standings.push_back(*marks_[i].standing);
    return standings;
}

Ruling Tally::ruling() const {
    Ruling result;
    result.state = state_;
    result.votes.reserve(marks_.size());
    for (const Mark& mark : marks_) {
        const Voted& vote = *mark.vote;
        result.votes.push_back(
            {*mark.person, vote.voter.account, vote.verdict, vote.via, vote.at, vote.reason,
             mark.counted_for ? std::optional{*mark.counted_for} : std::nullopt, mark.entry,
             vote.verdict == Verdict::approve && vote.voter.self_approval, vote.sign_in});
    }
    if (state_ == State::pending && applied_.kind == Applied::Kind::require) {
        const auto all = all_seats();
        if (const Seats* best = best_of(all))
            each_seat(*best, [&](std::size_t mark, const GroupId& group) {
                result.votes[mark].counted_for = group;
            });
        result.missing.reserve(all.size());
        for (const Seats& seats : all)
            result.missing.push_back(unfilled(applied_.alternatives[seats.alternative], seats.assignment));
    }
    for (std::size_t i = 0; i < marks_.size(); ++i) {
        VoteMark& vote = result.votes[i];
        const StandIn* away = vote.counted_for ? absent_for(marks_[i], *vote.counted_for) : nullptr;
        if (away) vote.in_place_of = away->person;
    }
    if (state_ == State::pending && held_)
        result.held =
            HoldMark{*held_->person, held_->entry->voter.account, held_->entry->reason, held_->entry->at};
    result.decided_at = decided_at_;
    result.reason = reason_;
    result.grant_ends = grant_ends_;
    result.review = review_;
    return result;
}

std::optional<Instant> Tally::due_at() const {
    if (state_ == State::pending) return request_.expires_at;
    return grant_ends_;
}

}  // namespace countersign::core
