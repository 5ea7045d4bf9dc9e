#include "teams/references.hpp"

#include <fmt/format.h>

#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

namespace countersign::teams {

using rt::asio::awaitable;

namespace {

constexpr std::size_t writes_max = 64;

bool same_place(const app::ConversationReference& a, const app::ConversationReference& b) {
    return a.service_url == b.service_url && a.tenant == b.tenant && a.user == b.user &&
           a.chat_user == b.chat_user && a.gone == b.gone;
}

std::string owner_key(std::string_view tenant, std::string_view user) {
    return fmt::format("{}/{}", tenant, user);
}

}  // namespace

References::References(const TeamsSettings& settings, Connector& connector, app::ReferenceStore& store,
                       const app::Runtime& runtime, rt::asio::any_io_executor executor)
    : settings_(settings),
      connector_(connector),
      store_(store),
      runtime_(runtime),
      tasks_(std::move(executor), writes_max, rt::report_bug) {}

void References::remember(app::ConversationReference reference) {
    if (known_.size() >= remembered_max) known_.clear();  // the store has them all
    if (owned_.size() >= remembered_max) owned_.clear();
    if (!reference.user.empty()) {
        auto owner = owner_key(reference.tenant, reference.user);
        if (reference.gone)
            owned_.erase(owner);
        else
            owned_[std::move(owner)] = reference.conversation;
    }
    auto id = reference.conversation;
    known_.insert_or_assign(std::move(id), std::move(reference));
}

void References::heard(const wire::TeamsActivity& activity) {
    const auto conversation = wire::teams_channel_of(activity.conversation);
    if (conversation.empty() || conversation.size() > app::conversation_bytes_max ||
        activity.service_url.size() > app::service_url_bytes_max)
        return;
    const bool removed = activity.kind == wire::TeamsActivity::Kind::installation_update &&
                         activity.installed.starts_with("remove");
    app::ConversationReference reference{.chat = core::Surface::teams,
                                         .conversation = std::string(conversation),
                                         .service_url = activity.service_url,
                                         .tenant = activity.tenant,
                                         .user = {},
                                         .chat_user = {},
                                         .gone = removed || activity.we_left,
                                         .heard_at = runtime_.now()};
    if (activity.conversation_kind == "personal" && !activity.from_object.empty()) {
        reference.user = activity.from_object;
        reference.chat_user = activity.from;
    }
    auto known = known_.find(reference.conversation);
    const bool news = known == known_.end() || !same_place(known->second, reference) ||
                      runtime_.now() - known->second.heard_at > kept_again_after;
    if (!news) return;
    remember(reference);
    if (!tasks_.start("teams reference", keep(std::move(reference))))
        log::warn("teams",
                  "too much to write down at once: a conversation's address is kept in memory alone");
}

awaitable<void> References::keep(app::ConversationReference reference) {
    auto kept = co_await store_.keep(std::move(reference), runtime_.within(store_patience));
    if (!kept) log::warn("teams", "a conversation's address was not stored: {}", kept.error().detail);
}

Later<app::ConversationReference> References::find(std::string conversation, Deadline deadline) {
    auto known = known_.find(conversation);
    if (known != known_.end()) co_return known->second;
    Deadline patience{std::min(deadline.at, runtime_.now() + store_patience)};
    auto stored = co_await store_.find(core::Surface::teams, std::move(conversation), patience);
    if (stored) remember(*stored);
    co_return stored;
}

awaitable<std::string> References::service_url(std::string_view conversation, Deadline deadline) {
    auto found = co_await find(std::string(wire::teams_channel_of(conversation)), deadline);
    co_return found ? found->service_url : first_address();
}

awaitable<std::string> References::tenant_of(std::string_view conversation, Deadline deadline) {
    auto found = co_await find(std::string(wire::teams_channel_of(conversation)), deadline);
    co_return found ? found->tenant : std::string{};
}

Later<std::string> References::own_conversation(std::string tenant, std::string user, std::string chat_user,
                                                Deadline deadline) {
    if (auto own = owned_.find(owner_key(tenant, user)); own != owned_.end()) co_return own->second;
    Deadline patience{std::min(deadline.at, runtime_.now() + store_patience)};
    auto stored = co_await store_.of_person(core::Surface::teams, tenant, user, patience);
    if (stored && !stored->gone) {
        remember(*stored);
        co_return stored->conversation;
    }
    const auto address = stored ? stored->service_url : first_address();
    if (chat_user.empty()) chat_user = stored ? stored->chat_user : user;
    auto members = wire::JsonItems(wire::json_object("id", chat_user)).take();
    auto body = wire::json_object("bot", wire::json_object("id", "28:" + settings_.app_id), "channelData",
                                  wire::json_object("tenant", wire::json_object("id", tenant)), "isGroup",
                                  false, "members", members, "tenantId", tenant);
    ConnectorCall call{.method = "POST",
                       .service_url = address,
                       .path = "/v3/conversations",
                       .body = std::move(body.text),
                       .lane = "new:" + user};
    auto made = co_await connector_.call(std::move(call), deadline);
    if (!made) co_return pass(made);
    std::string id{(*made)["id"].text()};
    if (id.empty() || id.size() > app::conversation_bytes_max)
        co_return fail(Trouble::unavailable, "Teams did not say which conversation it made");
    app::ConversationReference reference{.chat = core::Surface::teams,
                                         .conversation = id,
                                         .service_url = address,
                                         .tenant = tenant,
                                         .user = user,
                                         .chat_user = chat_user,
                                         .gone = false,
                                         .heard_at = runtime_.now()};
    remember(reference);
    co_await keep(std::move(reference));
    co_return id;
}

awaitable<void> References::stop(core::Instant deadline) {
    co_await tasks_.end(runtime_.timers, deadline);
}

}  // namespace countersign::teams
