#pragma once
#include <string>
#include <string_view>
#include <unordered_map>

#include "countersign/app/references.hpp"
#include "countersign/app/runtime.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "teams/connector.hpp"

namespace countersign::teams {

// Knows where conversations are reached, which each activity says anew. That is remembered here, kept in the
// store for other replicas and later, and guessed (the first allowed address) where nothing was ever heard.
class References {
  public:
    static constexpr std::size_t remembered_max = 10'000;
    static constexpr core::Duration kept_again_after = std::chrono::hours{24};
    static constexpr core::Duration store_patience = std::chrono::seconds{3};

    References(const TeamsSettings& settings, Connector& connector, app::ReferenceStore& store,
               const app::Runtime& runtime, rt::asio::any_io_executor executor);

    // An activity that was believed in came from there.
    void heard(const wire::TeamsActivity& activity);
    // Where this conversation's messages go; `conversation` may be a thread.
    rt::asio::awaitable<std::string> service_url(std::string_view conversation, Deadline deadline);
    // The person's own conversation with us, made where there is none yet. `chat_user` may be empty.
    // forbidden: the app is not installed for them.
    Later<std::string> own_conversation(std::string tenant, std::string user, std::string chat_user,
                                        Deadline deadline);
    // The tenant that the conversation belongs to, as far as was heard; empty: not known.
    rt::asio::awaitable<std::string> tenant_of(std::string_view conversation, Deadline deadline);
    rt::asio::awaitable<void> stop(core::Instant deadline);

  private:
    void remember(app::ConversationReference reference);
    Later<app::ConversationReference> find(std::string conversation, Deadline deadline);
    rt::asio::awaitable<void> keep(app::ConversationReference reference);
    const std::string& first_address() const { return settings_.service_url_allow.front(); }

    const TeamsSettings& settings_;
    Connector& connector_;
    app::ReferenceStore& store_;
    const app::Runtime& runtime_;
    rt::TaskGroup tasks_;
    std::unordered_map<std::string, app::ConversationReference> known_;  // by conversation
    std::unordered_map<std::string, std::string> owned_;  // "tenant/user": their own conversation
};

}  // namespace countersign::teams
