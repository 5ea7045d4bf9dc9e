#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "countersign/app/people.hpp"

namespace countersign::fakes {

// Persons and link codes in memory, held to the same contract suite as PostgreSQL. For one thread.
class People final : public app::PeopleStore, public app::LinkCodeStore {
  public:
    Later<std::optional<app::PeopleNews>> read(std::optional<std::int64_t> known, Deadline deadline) override;
    Later<app::Linked> link(app::LinkAct act, Deadline deadline) override;
    Later<app::StoredPersonId> unlink(app::UnlinkAct act, Deadline deadline) override;
    Later<Done> set_absence(core::Absence absence, core::Instant now, Deadline deadline) override;

    Later<Done> ask(Asked asked, Deadline deadline) override;
    Later<app::LinkOffer> give(Given given, Deadline deadline) override;
    Later<app::LinkOffer> answer(Answer answer, Deadline deadline) override;

    bool reachable = true;
    std::vector<std::string> events;  // types, in order

  private:
    struct Code {
        app::LinkOffer offer;
        std::string selector;
        Sha256 hash;
        core::Instant expires_at;
        int tries = 0;
        bool given = false;
        bool over = false;
    };
    struct Tries {
        core::Instant since;
        int wrong = 0;
    };
    app::MemberAccount* linked(const core::AccountId& account);
    Result<app::Linked> link_now(const app::LinkAct& act);
    void wrong(const core::AccountId& account, core::Instant now);

    app::PeopleNews news_;
    std::vector<Code> codes_;
    std::map<core::AccountId, Tries> tries_;
};

}  // namespace countersign::fakes
