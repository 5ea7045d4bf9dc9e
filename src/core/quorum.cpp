#include "core/quorum.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

namespace countersign::core {
namespace {

// Matches single slots to voters; both are few enough for plain augmenting paths.
class Matcher {
  public:
    Matcher(const Slots& slots, VotersByGroup by_group, std::size_t voters)
        : by_group_(std::move(by_group)), slot_of_(voters), voter_settled_(voters, 0) {
        for (std::size_t g = 0; g < slots.groups.size(); ++g)
            group_of_.insert(group_of_.end(), slots.groups[g].count, g);
        voter_of_.resize(group_of_.size());
        slot_settled_.resize(group_of_.size(), false);
    }
    Matcher(const Slots& slots, std::span<const GroupsOfVoter* const> voters)
        : Matcher(slots, by_group(slots, voters), voters.size()) {}

    // Fills as many slots as possible, and returns the first one that it could not fill.
    std::optional<std::size_t> fill() {
        std::optional<std::size_t> failed;
        for (std::size_t slot = 0; slot < voter_of_.size(); ++slot)
            if (!augment(slot) && !failed) failed = slot;
        return failed;
    }

    // Moves each slot in turn to its earliest possible voter and settles it there. A voter who cannot have a
    // slot cannot have the next one of the same group either, because the two could swap.
    void make_first() {
        std::size_t next = 0;
        for (std::size_t slot = 0; slot < voter_of_.size(); ++slot) {
            if (slot > 0 && group_of_[slot] != group_of_[slot - 1]) next = 0;
            const auto& possible = by_group_[group_of_[slot]];
            while (next < possible.size()) {
                const std::size_t voter = possible[next++];
                if (voter_settled_[voter] || !give(slot, voter)) continue;
                voter_settled_[voter] = 1;
                break;
            }
            slot_settled_[slot] = true;
        }
    }

    // Holds everything that an alternating path from one slot reaches.
    struct Reach {
        std::vector<bool> slots;
        std::vector<bool> voters;
    };
    Reach reach(std::size_t from) const {
        Reach seen{std::vector<bool>(voter_of_.size(), false), std::vector<bool>(slot_of_.size(), false)};
        std::vector<std::size_t> open{from};
        seen.slots[from] = true;
        while (!open.empty()) {
            std::size_t slot = open.back();
            open.pop_back();
            for (std::size_t voter : by_group_[group_of_[slot]]) {
                if (seen.voters[voter]) continue;
                seen.voters[voter] = true;
                auto next = slot_of_[voter];
                if (!next || seen.slots[*next]) continue;
                seen.slots[*next] = true;
                open.push_back(*next);
            }
        }
        return seen;
    }

    const std::vector<std::optional<std::size_t>>& voter_of() const { return voter_of_; }
    const std::vector<std::size_t>& group_of() const { return group_of_; }
    void start_from(const Assignment& assignment) {
        voter_of_ = assignment.voter_of;
        for (std::size_t slot = 0; slot < voter_of_.size(); ++slot)
            if (voter_of_[slot]) slot_of_[*voter_of_[slot]] = slot;
    }

    static VotersByGroup by_group(const Slots& slots, std::span<const GroupsOfVoter* const> voters) {
        VotersByGroup all(slots.groups.size());
        for (std::size_t g = 0; g < slots.groups.size(); ++g)
            for (std::size_t v = 0; v < voters.size(); ++v)
                if (std::ranges::find(*voters[v], slots.groups[g].of) != voters[v]->end())
                    all[g].push_back(v);
        return all;
    }

  private:
    void pair(std::size_t slot, std::size_t voter) {
        voter_of_[slot] = voter;
        slot_of_[voter] = slot;
    }

    bool augment(std::size_t slot) {
        seen_.assign(slot_of_.size(), 0);
        return augment_from(slot);
    }
    // The depth is bounded by the number of slots, at most slots_max.
    bool augment_from(std::size_t slot) {
        const auto& possible = by_group_[group_of_[slot]];
        // A voter without a slot ends the search, so these are tried before others are asked to move.
        for (std::size_t voter : possible) {
            if (slot_of_[voter] || voter_settled_[voter]) continue;
            pair(slot, voter);
            return true;
        }
        for (std::size_t voter : possible) {
            if (seen_[voter] || voter_settled_[voter]) continue;
            seen_[voter] = 1;
            if (!slot_of_[voter] || augment_from(*slot_of_[voter])) {
                pair(slot, voter);
                return true;
            }
        }
        return false;
    }

    // Gives the slot to the voter if a maximum matching allows it; changes nothing otherwise.
    bool give(std::size_t slot, std::size_t voter) {
        auto loser = voter_of_[slot];
        auto left = slot_of_[voter];
        if (loser == voter) return true;
        before_.assign(voter_of_.begin(), voter_of_.end());
        before_of_.assign(slot_of_.begin(), slot_of_.end());
        if (loser) slot_of_[*loser].reset();
        if (left) voter_of_[*left].reset();
        pair(slot, voter);
        if (!loser || !left) return true;
        voter_settled_[voter] = 1;
        slot_settled_[slot] = true;
        bool repaired = augment(*left);
        for (std::size_t other = 0; !repaired && other < voter_of_.size(); ++other)
            repaired = !voter_of_[other] && !slot_settled_[other] && augment(other);
        voter_settled_[voter] = 0;
        slot_settled_[slot] = false;
        if (repaired) return true;
        voter_of_.swap(before_);
        slot_of_.swap(before_of_);
        return false;
    }

    std::vector<std::size_t> group_of_;
    VotersByGroup by_group_;
    std::vector<std::optional<std::size_t>> voter_of_;
    std::vector<std::optional<std::size_t>> slot_of_;
    std::vector<bool> slot_settled_;
    std::vector<std::uint8_t> voter_settled_;
    std::vector<std::uint8_t> seen_;  // bytes instead of bits, because the search reads little else
    std::vector<std::optional<std::size_t>> before_;  // restored where `give` fails
    std::vector<std::optional<std::size_t>> before_of_;
};

std::vector<std::size_t> groups_among(const std::vector<bool>& slots,
                                      const std::vector<std::size_t>& group_of, std::size_t first) {
    std::vector<std::size_t> groups{first};
    for (std::size_t slot = 0; slot < slots.size(); ++slot)
        if (slots[slot] && std::ranges::find(groups, group_of[slot]) == groups.end())
            groups.push_back(group_of[slot]);
    return groups;
}

}  // namespace

namespace {

Assignment assign(Matcher matcher) {
    matcher.fill();
    matcher.make_first();
    Assignment result{matcher.voter_of(), matcher.group_of(), 0};
    result.filled = static_cast<std::size_t>(
        std::ranges::count_if(result.voter_of, [](const auto& voter) { return voter.has_value(); }));
    return result;
}

}  // namespace

Assignment assign(const Slots& slots, std::span<const GroupsOfVoter* const> voters) {
    return assign(Matcher{slots, voters});
}

Assignment assign(const Slots& slots, VotersByGroup by_group, std::size_t voters) {
    return assign(Matcher{slots, std::move(by_group), voters});
}

namespace {

std::vector<bool> full_groups(const Slots& slots, const Assignment& assignment) {
    std::vector<bool> full(slots.groups.size(), true);
    for (std::size_t slot = 0; slot < assignment.voter_of.size(); ++slot)
        if (!assignment.voter_of[slot]) full[assignment.group_of[slot]] = false;
    return full;
}

// Says whose turn it is, beside those whose turn it was already.
std::vector<bool> turns_after(const Slots& slots, const Assignment& assignment, std::vector<bool> turn) {
    const auto full = full_groups(slots, assignment);
    bool any_open = false;
    for (std::size_t g = 0; g < slots.groups.size(); ++g) {
        turn[g] = turn[g] || std::ranges::all_of(slots.groups[g].after, [&](const GroupId& before) {
                      auto first = std::ranges::find(slots.groups, before, &CountOf::of);
                      return first == slots.groups.end() ||
                             full[static_cast<std::size_t>(first - slots.groups.begin())];
                  });
        any_open = any_open || (turn[g] && !full[g]);
    }
    if (!any_open) turn.assign(turn.size(), true);
    return turn;
}

}  // namespace

// Where rules contradict one another about the order, everything that waits for nothing but one another is
// due.
std::vector<bool> turns(const Slots& slots, const Assignment& assignment) {
    return turns_after(slots, assignment, std::vector<bool>(slots.groups.size(), false));
}

// Whoever sits where it was their turn first stays there, because those groups stand first.
Assignment assign_in_turn(const Slots& slots, VotersByGroup by_group, std::size_t voters) {
    if (std::ranges::all_of(slots.groups, [](const CountOf& one) { return one.after.empty(); }))
        return assign(slots, std::move(by_group), voters);
    Assignment so_far = assign(slots, VotersByGroup(slots.groups.size()), voters);
    std::vector<bool> turn(slots.groups.size(), false);
    for (auto next = turns_after(slots, so_far, turn); next != turn;
         next = turns_after(slots, so_far, turn)) {
        turn = next;
        VotersByGroup open = by_group;
        for (std::size_t g = 0; g < open.size(); ++g)
            if (!turn[g]) open[g].clear();
        so_far = assign(slots, std::move(open), voters);
    }
    return so_far;
}

Assignment assign_in_turn(const Slots& slots, std::span<const GroupsOfVoter* const> voters) {
    return assign_in_turn(slots, Matcher::by_group(slots, voters), voters.size());
}

Slots unfilled(const Slots& slots, const Assignment& assignment) {
    std::vector<std::uint32_t> lack(slots.groups.size(), 0);
    for (std::size_t slot = 0; slot < assignment.voter_of.size(); ++slot)
        if (!assignment.voter_of[slot]) ++lack[assignment.group_of[slot]];
    Slots missing;
    for (std::size_t g = 0; g < lack.size(); ++g)
        if (lack[g] > 0) missing.groups.push_back({lack[g], slots.groups[g].of});
    return missing;
}

std::vector<std::size_t> openings(const Slots& slots, std::span<const GroupsOfVoter* const> voters,
                                  const Assignment& assignment, std::size_t wanted) {
    Matcher matcher{slots, voters};
    matcher.start_from(assignment);
    for (std::size_t slot = 0; slot < assignment.voter_of.size(); ++slot)
        if (assignment.group_of[slot] == wanted && !assignment.voter_of[slot])
            return groups_among(matcher.reach(slot).slots, assignment.group_of, wanted);
    return {};
}

std::optional<Shortage> shortage(const Slots& slots, std::span<const GroupsOfVoter* const> people) {
    Matcher matcher{slots, people};
    auto failed = matcher.fill();
    if (!failed) return std::nullopt;
    auto reach = matcher.reach(*failed);
    Shortage found{groups_among(reach.slots, matcher.group_of(), matcher.group_of()[*failed]), 0, 0};
    std::ranges::sort(found.groups);
    // Whole groups are counted, also slots of theirs that the search had no need to visit.
    for (std::size_t g : found.groups) found.needed += slots.groups[g].count;
    found.available = static_cast<std::size_t>(std::ranges::count(reach.voters, true));
    return found;
}

}  // namespace countersign::core
