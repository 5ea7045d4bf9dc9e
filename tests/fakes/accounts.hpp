#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::test {

// This is a chat's directory in memory. What is known is as old as its last refresh; where it is not
// `reachable`, refreshing fails and everything ages.
class FakeAccounts final : public app::AccountSource {
  public:
    FakeAccounts(const rt::Clock& clock, std::string team, core::Surface chat = core::Surface::slack);

    std::shared_ptr<const core::Workspace> workspace() const override { return published_; }
    Later<Done> refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                        core::Duration age_max, Deadline deadline) override;

    // The truth, which becomes known through `refresh` alone.
    void user(const std::string& id, core::AccountClass klass = core::AccountClass::member);
    void zone(const std::string& id, std::string name) { users_.at(id).zone = std::move(name); }
    void group(const std::string& id, std::vector<std::string> members);
    // Everything true becomes known, as of now.
    void publish_all();

    bool reachable = true;
    std::size_t refreshes = 0;  // those that had to ask

  private:
    bool young(core::Instant as_of, core::Duration age_max) const { return as_of >= clock_.now() - age_max; }

    const rt::Clock& clock_;
    std::map<std::string, core::ChatUser> users_;
    std::map<std::string, core::ChatGroup> groups_;
    std::shared_ptr<const core::Workspace> published_;
};

}  // namespace countersign::test
