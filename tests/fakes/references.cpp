#include "fakes/references.hpp"

namespace countersign::fakes {

Later<app::ConversationReference> References::find(core::Surface chat, std::string conversation, Deadline) {
    auto found = all.find({chat, conversation});
    if (found == all.end()) co_return fail(Trouble::not_found, "never heard of");
    co_return found->second;
}

Later<app::ConversationReference> References::of_person(core::Surface chat, std::string tenant,
                                                        std::string user, Deadline) {
    const app::ConversationReference* newest = nullptr;
    for (const auto& [key, one] : all)
        if (one.chat == chat && one.tenant == tenant && one.user == user &&
            (newest == nullptr || newest->heard_at <= one.heard_at))
            newest = &one;
    if (newest == nullptr) co_return fail(Trouble::not_found, "never heard of");
    co_return *newest;
}

Later<Done> References::keep(app::ConversationReference reference, Deadline) {
    std::pair key{reference.chat, reference.conversation};
    auto found = all.find(key);
    if (found == all.end() || found->second.heard_at <= reference.heard_at)
        all.insert_or_assign(std::move(key), std::move(reference));
    co_return Done{};
}

}  // namespace countersign::fakes
