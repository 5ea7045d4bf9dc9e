#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/claims.hpp"
#include "core/group_set.hpp"
#include "core/quorum.hpp"
#include "countersign/core/decide.hpp"

namespace countersign::core {

// Reads a case's entries one after the other. An entry that cannot follow what was read before means nothing.
// Entries are referred to, not copied, so they must outlive the tally and every copy of it.
class Tally {
  public:
    Tally(const Request& request, const Applied& applied);
    void read(const Entry& entry);
    void read(Entry&&) = delete;
    Ruling ruling() const;

    State state() const { return state_; }
    std::optional<Instant> due_at() const;

    struct Mark {  // a person's latest vote, which approves or denies
        const Voted* vote;
        const Standing* standing;  // as cast, or as of the latest recheck
        const PersonId* person;    // as cast, or as of the latest merge
        std::size_t entry;         // index into the entries
        GroupSet groups;           // of `standing`
        std::uint64_t person_fingerprint;
        std::uint64_t account_fingerprint;
        const GroupId* counted_for;  // nullptr where it fills no slot
    };
    const std::vector<Mark>& marks() const { return marks_; }
    struct Hold {
        const Held* entry;
        const PersonId* person;  // as cast, or as of the latest merge
    };
    const std::optional<Hold>& held() const { return held_; }

    // Says whether the standings recorded so far would fill every slot of an alternative. Only a recheck
    // decides.
    bool quorum() const;
    // Says whether so many people of a group deny the request that this ends it, by the standings recorded so
    // far. Only a recheck decides.
    bool denied_by_count() const { return denied_by_count({}); }
    // Counts the different people of a group whose denial counts now.
    std::size_t denials(const GroupId& group) const { return denials(group, {}); }
    // Returns the accounts of everybody whose latest vote has this verdict, in log order.
    std::vector<AccountId> accounts_that(Verdict verdict) const;
    // Returns the standings of those whose approval counts now.
    std::vector<Standing> approvals() const;

  private:
    struct Seats {  // one alternative with the voters assigned to its slots
        std::size_t alternative = 0;
        std::vector<std::size_t> marks;  // the voters that the assignment counts by index
        Assignment assignment;
    };
    using Subset = std::span<const Standing>;  // empty stands for everybody

    void on(const Opened& entry);
    void on(const Voted& entry);
    void on(const Held& entry);
    void on(const Released& entry);
    void on(const Rejudged& entry);
    void on(const Lapsed& entry);
    void on(const Cancelled& entry);
    void on(const Claimed& entry);
    void on(const Reported& entry);
    void on(const Reminded&) {}
    void on(const Escalated& entry);
    void on(const Used&) {}
    void on(const Reviewed& entry);
    void on(const ReviewOverdue&);

    std::optional<std::size_t> index_of(const GroupId& group) const;
    GroupSet groups_among(const Standing& standing) const;
    bool excluded(const Standing& standing) const;
    static bool able(const Standing& standing) {
        return standing.klass == AccountClass::member && standing.unlinked.empty();
    }
    bool may_approve(const Mark& mark) const;
    bool signed_in(const Voted& vote) const;  // as the rules ask
    bool widened_for(const Standing& standing) const;
    bool has_spoken(const StandIn& away) const;
    // Whose slot the mark's voter fills by this group who is away; nullptr: nobody's.
    const StandIn* absent_for(const Mark& mark, const GroupId& group) const;
    GroupSet slots_of(const Mark& mark) const;  // that it may fill
    GroupSet with_stand_ins(const Standing& standing) const;
    bool claimable(Instant at) const { return may_be_claimed(applied_, opened_at_, at); }
    Instant grant_end(Instant approved_at) const;
    bool self_approves(const Mark& mark) const;
    bool may_object(const Standing& standing, const GroupSet& groups) const {  // denies or holds
        return able(standing) && !excluded(standing) && groups.any_below(denial_groups_);
    }
    bool may_release(const Released& entry) const;
    bool ends_alone(const Mark& denial) const {
        return applied_.deny.any && with_stand_ins(*denial.standing).any_below(slot_groups_);
    }

    bool in_time(Instant at) const { return state_ == State::pending && at < request_.expires_at; }
    void leave_pending(State state, Instant at, const std::string& reason);
    void look_again(Subset standings);
    void recheck_approvals(Subset standings, Instant at);
    void open_review(Instant at);
    bool denied_by_count(Subset subset) const;
    std::size_t denials(const GroupId& group, Subset subset) const;
    static bool among(Subset subset, const Mark& mark);
    std::vector<std::size_t> voters(Subset subset) const;
    Seats seat(std::size_t alternative, std::vector<std::size_t> marks) const;
    std::vector<Seats> all_seats() const;
    void count_best();
    void count(const Seats& seats);
    void each_seat(const Seats& seats, auto see) const;
    void assert_quorum(const Seats& seats) const;

    const Request& request_;
    const Applied& applied_;
    struct Group {
        const GroupId* name;
        std::uint64_t fingerprint;
    };
    std::vector<Group> groups_;      // as all_groups_of
    std::size_t slot_groups_ = 0;    // so many of them, the first ones, have slots
    std::size_t denial_groups_ = 0;  // so many of them, the first ones, have people who may deny and hold
    std::vector<PersonId> behind_;
    Instant opened_at_{};
    bool widened_ = false;  // the approvers of an escalation may fill any slot
    std::vector<Mark> marks_;
    std::optional<Hold> held_;
    State state_ = State::pending;
    std::optional<Instant> decided_at_;
    std::string reason_;
    std::optional<Instant> grant_ends_;
    std::optional<Review> review_;
    std::size_t next_ = 0;  // index of the entry being read
};

}  // namespace countersign::core
