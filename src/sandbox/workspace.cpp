#include "sandbox/workspace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"
#include "sandbox/blocks.hpp"

namespace countersign::sandbox {

using core::Value;

namespace {

// Says whether `text`, which begins with '<', begins a mention or link in Slack's markup.
bool is_markup(std::string_view text) {
    auto end = text.find('>');
    if (end == std::string_view::npos || end < 2) return false;
    std::string_view inside = text.substr(1, end - 1);
    static constexpr std::array<std::string_view, 7> starts{"@",        "#",       "!",   "http://",
                                                            "https://", "mailto:", "tel:"};
    return std::ranges::any_of(starts, [&](std::string_view start) { return inside.starts_with(start); });
}

bool is_entity(std::string_view text) {
    return text.starts_with("&amp;") || text.starts_with("&lt;") || text.starts_with("&gt;");
}

}  // namespace

std::string escape_text(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '&' && !is_entity(text.substr(i))) {
            out += "&amp;";
        } else if (c == '<' && is_markup(text.substr(i))) {
            auto end = text.find('>', i);
            out.append(text, i, end - i + 1);
            i = end;
        } else if (c == '<') {
            out += "&lt;";
        } else if (c == '>') {
            out += "&gt;";
        } else {
            out += c;
        }
    }
    return out;
}

Value message_news(std::string_view channel, const Value& message) {
    return Value::object({{"channel", channel}, {"message", message}});
}

Workspace::Workspace(std::string base_url, rt::asio::any_io_executor executor, const rt::Clock& clock,
                     rt::Entropy& entropy)
    : feed(std::move(executor)), base_url_(std::move(base_url)), clock_(clock), entropy_(entropy) {
    team = sample_team(now_s());
}

std::int64_t Workspace::now_s() const {
    return std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count();
}

std::string Workspace::next_ts() {
    last_ts_us_ = std::max(last_ts_us_ + 1, now().time_since_epoch().count());
    return fmt::format("{}.{:06}", last_ts_us_ / 1'000'000, last_ts_us_ % 1'000'000);
}

std::string Workspace::word(std::size_t length) {
    static constexpr std::string_view letters = "ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz0123456789";
    std::string out(length, ' ');
    entropy_.fill(std::as_writable_bytes(std::span(out)));
    for (char& c : out) c = letters[static_cast<unsigned char>(c) % letters.size()];
    return out;
}

std::string Workspace::uuid() {
    std::array<std::byte, 16> bytes{};
    entropy_.fill(bytes);
    std::string digits = hex(bytes);
    digits[12] = '4';
    return fmt::format("{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4), digits.substr(12, 4),
                       digits.substr(16, 4), digits.substr(20));
}

Channel* Workspace::find_channel(std::string_view given) {
    if (given.starts_with('#')) given.remove_prefix(1);
    auto found = team.channels.find(std::string(given));
    if (found != team.channels.end()) return &found->second;
    if (find_user(given)) return &team.channels.at(channel_for(given));
    for (auto& [id, channel] : team.channels)
        if (channel.im_user.empty() && channel.name == given) return &channel;
    return nullptr;
}

const User* Workspace::find_user(std::string_view id) const {
    auto found = team.users.find(std::string(id));
    return found == team.users.end() ? nullptr : &found->second;
}

std::string Workspace::channel_for(std::string_view user) {
    std::string id = fmt::format("D{}", user.substr(1));
    Channel& channel = team.channels[id];
    if (channel.id.empty()) {
        channel.id = id;
        channel.im_user = user;
        channel.members = {std::string(user), std::string(bot_user)};
        feed.publish("team", Value::object());
    }
    return id;
}

const Value& Workspace::put_message(Channel& channel, Value message, bool edited) {
    std::string ts{message["ts"].text()};
    std::string thread{message["thread_ts"].text()};
    if (!thread.empty() && thread != ts && !edited) {
        auto root = channel.messages.find(thread);
        if (root != channel.messages.end()) {
            root->second.set("thread_ts", thread)
                .set("reply_count", root->second["reply_count"].whole() + 1)
                .set("latest_reply", ts);
            feed.publish("message", message_news(channel.id, root->second));
        }
    }
    Value& kept = channel.messages[ts] = std::move(message);
    feed.publish("message", message_news(channel.id, kept));
    if (channel.messages.size() > messages_per_channel_max) channel.messages.erase(channel.messages.begin());
    return kept;
}

bool Workspace::remove_message(Channel& channel, const std::string& ts) {
    if (channel.messages.erase(ts) == 0) return false;
    feed.publish("deleted", Value::object({{"channel", channel.id}, {"ts", ts}}));
    return true;
}

const Value* Workspace::find_message(std::string_view channel, std::string_view ts) const {
    auto found = team.channels.find(std::string(channel));
    if (found == team.channels.end()) return nullptr;
    auto message = found->second.messages.find(std::string(ts));
    return message == found->second.messages.end() ? nullptr : &message->second;
}

const Ephemeral& Workspace::put_ephemeral(std::string_view user, std::string_view channel, Value message) {
    auto& mine = ephemerals_[std::string(user)];
    std::string ts = next_ts();
    message.set("ts", ts).set("is_ephemeral", true).set("type", "message");
    mine.push_back({std::string(channel), std::move(ts), std::move(message)});
    if (mine.size() > ephemerals_per_user_max) mine.pop_front();
    const Ephemeral& kept = mine.back();
    feed.publish("ephemeral",
                 Value::object({{"user", user}, {"channel", channel}, {"message", kept.message}}));
    return kept;
}

const Ephemeral* Workspace::find_ephemeral(std::string_view user, std::string_view ts) const {
    const auto& mine = ephemerals(user);
    auto found = std::ranges::find(mine, ts, &Ephemeral::ts);
    return found == mine.end() ? nullptr : &*found;
}

bool Workspace::replace_ephemeral(std::string_view user, std::string_view ts, std::optional<Value> message) {
    auto& mine = ephemerals_[std::string(user)];
    auto found = std::ranges::find(mine, ts, &Ephemeral::ts);
    if (found == mine.end()) return false;
    if (message) {
        message->set("ts", ts).set("is_ephemeral", true).set("type", "message");
        found->message = std::move(*message);
        feed.publish(
            "ephemeral",
            Value::object({{"user", user}, {"channel", found->channel}, {"message", found->message}}));
    } else {
        feed.publish("deleted", Value::object({{"channel", found->channel}, {"ts", ts}, {"user", user}}));
        mine.erase(found);
    }
    return true;
}

const std::deque<Ephemeral>& Workspace::ephemerals(std::string_view user) const {
    static const std::deque<Ephemeral> none;
    auto found = ephemerals_.find(user);
    return found == ephemerals_.end() ? none : found->second;
}

std::string Workspace::new_trigger(std::string_view user, std::string_view view) {
    forget_old();
    std::string id = fmt::format("{}.{}.{}", now().time_since_epoch().count(), 7204416, word(32));
    triggers_[id] = Trigger{std::string(user), std::string(view), now() + trigger_life};
    return id;
}

Trigger* Workspace::find_trigger(std::string_view id) {
    auto found = triggers_.find(id);
    return found == triggers_.end() ? nullptr : &found->second;
}

std::string Workspace::new_response_url(std::string_view kind, ResponseUrl use) {
    std::string path = fmt::format("/{}/{}/{}/{}", kind, team_id, now().time_since_epoch().count(), word(24));
    use.until = now() + response_url_life;
    response_urls_[path] = std::move(use);
    return base_url_ + path;
}

ResponseUrl* Workspace::find_response_url(std::string_view path) {
    auto found = response_urls_.find(path);
    return found == response_urls_.end() ? nullptr : &found->second;
}

// Used and expired handles are kept for a while, so that their refusal can say why.
void Workspace::forget_old() {
    if (now() < next_forget_) return;
    next_forget_ = now() + std::chrono::minutes{1};
    std::erase_if(triggers_, [&](const auto& t) { return t.second.until + std::chrono::minutes{1} < now(); });
    std::erase_if(response_urls_, [&](const auto& r) { return r.second.until < now(); });
}

std::vector<std::string>& Workspace::stack(std::string_view user) {
    return stacks_[std::string(user)];
}

View* Workspace::find_view(std::string_view id) {
    auto found = views_.find(id);
    if (found != views_.end()) return &found->second;
    for (auto& [key, view] : views_)
        if (!id.empty() && view.body["external_id"].text() == id) return &view;
    return nullptr;
}

std::string Workspace::new_hash() {
    return fmt::format("{}.{}", now_s(), word(8));
}

View& Workspace::add_view(std::string_view user, Value given, std::string_view previous,
                          std::string_view root) {
    std::string id = "V0" + word(9);
    Value body = Value::object({{"id", id},
                                {"team_id", team_id},
                                {"app_id", app_id},
                                {"app_installed_team_id", team_id},
                                {"bot_id", bot_id},
                                {"previous_view_id", previous.empty() ? Value{} : Value{previous}},
                                {"root_view_id", root.empty() ? std::string_view(id) : root}});
    View& view = views_[id] = View{std::string(user), std::move(body), Value::object()};
    set_view(view, given);
    return view;
}

void Workspace::set_view(View& view, const Value& given) {
    static constexpr std::array<std::string_view, 4> plain{"private_metadata", "callback_id", "external_id",
                                                           "type"};
    for (auto name : plain) view.body.set(std::string(name), given[name].text());
    for (std::string_view name : {"title", "submit", "close"}) view.body.set(std::string(name), given[name]);
    for (std::string_view name : {"clear_on_close", "notify_on_close"})
        view.body.set(std::string(name), given[name].truth());
    Value blocks = given["blocks"];
    name_blocks(blocks, [this] { return word(5); });
    view.body.set("blocks", std::move(blocks));
    view.body.set("state", Value::object({{"values", Value::object()}}));
    view.body.set("hash", new_hash());
    view.errors = Value::object();
    tell_views(view.user);
}

void Workspace::close_view(std::string_view id) {
    auto found = views_.find(id);
    if (found == views_.end()) return;
    std::string user = found->second.user;
    std::erase(stack(user), std::string(id));
    views_.erase(found);
    tell_views(user);
}

void Workspace::close_stack(std::string_view user) {
    for (const auto& id : stack(user)) views_.erase(id);
    stack(user).clear();
    tell_views(user);
}

std::string Workspace::home_of(std::string_view user) const {
    auto found = homes_.find(user);
    return found == homes_.end() ? std::string{} : found->second;
}

void Workspace::remember_home(std::string_view user, std::string_view view_id) {
    homes_[std::string(user)] = view_id;
    tell_views(user);
}

void Workspace::tell_views(std::string_view user) {
    feed.publish("views", Value::object({{"user", user}}));
}

}  // namespace countersign::sandbox
