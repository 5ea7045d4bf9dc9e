#pragma once
#include <optional>
#include <span>
#include <vector>

#include "core/quorum.hpp"
#include "countersign/core/decide.hpp"

namespace countersign::core {

// A case's entries, read one after the other. Total: an entry that cannot follow what was read before means
// nothing.
class Tally {
  public:
    Tally(const Request& request, const Applied& applied);
    void read(const Entry& entry);
    Ruling ruling() const&;
    Ruling ruling() &&;  // takes the votes along

    State state() const { return state_; }
    std::optional<Instant> due_at() const;
    bool held() const { return held_.has_value(); }
    // Whether the standings recorded so far would fill every slot of an alternative. Only a recheck decides.
    bool quorum() const;
    // The accounts of everybody whose latest vote is to approve, in log order.
    std::vector<AccountId> approvers() const;

    // Their standings, as far as they count now.
    std::vector<Standing> approvals() const;
    // The standings of everybody whose vote stands, whether it counts or not.
    std::vector<Standing> voters() const;

  private:
    struct Mark {
        VoteMark vote;
        Standing standing;  // as cast, or as of the latest recheck
    };
    struct Seats {  // one alternative with whoever sits in it
        std::size_t alternative = 0;
        std::vector<std::size_t> marks;  // the voters of the assignment, as indices into marks_
        Assignment assignment;
    };

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
    void on(const Escalated&) {}

    bool counts(const Standing& standing) const;
    bool in_time(Instant at) const { return state_ == State::pending && at < request_.expires_at; }
    void leave_pending(State state, Instant at, const std::string& reason);
    void recheck(const std::vector<Standing>& standings, Instant at);
    std::vector<std::size_t> voters(std::span<const Standing> only) const;
    Seats seat(std::size_t alternative, std::vector<std::size_t> marks) const;
    std::vector<Seats> all_seats() const;
    void count_best(const std::vector<Seats>& all);
    void count(const Seats& seats);
    void assert_quorum(const Seats& seats) const;

    const Request& request_;
    const Applied& applied_;
    std::vector<GroupId> asked_;
    std::vector<PersonId> behind_;
    std::vector<Mark> marks_;
    std::optional<HoldMark> held_;
    State state_ = State::pending;
    std::optional<Instant> decided_at_;
    std::string reason_;
    std::optional<Instant> grant_ends_;
    std::size_t next_ = 0;  // index of the entry being read
};

}  // namespace countersign::core
