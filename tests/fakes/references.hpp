#pragma once
#include <map>
#include <string>
#include <utility>

#include "countersign/app/references.hpp"

namespace countersign::fakes {

// Keeps references in memory.
struct References final : app::ReferenceStore {
    std::map<std::pair<core::Surface, std::string>, app::ConversationReference> all;

    Later<app::ConversationReference> find(core::Surface chat, std::string conversation,
                                           Deadline deadline) override;
    Later<app::ConversationReference> of_person(core::Surface chat, std::string tenant, std::string user,
                                                Deadline deadline) override;
    Later<Done> keep(app::ConversationReference reference, Deadline deadline) override;
};

}  // namespace countersign::fakes
