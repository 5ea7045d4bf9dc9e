#include "workspace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "json_scan.hpp"

namespace bench {
namespace {

constexpr std::string_view granted_scopes =
    "app_mentions:read,channels:history,channels:read,chat:write,commands,groups:history,groups:read,im:"
    "history,"
    "im:write,reactions:write,usergroups:read,users:read,users:read.email";
constexpr std::uint64_t ts_base = 1'795'000'000;
constexpr std::size_t clickers = 64;
constexpr std::string_view envelope_prefix = "5d3c8a51-90d4-4d0e-a8f3-";

std::string ts_text(std::uint64_t number) {
    return fmt::format("{}.{:06}", ts_base + number / 1'000'000, number % 1'000'000);
}

// Returns the number behind a ts of ours, or something huge when it is not one.
std::uint64_t ts_number(std::string_view ts) {
    std::uint64_t seconds = 0;
    std::uint64_t micros = 0;
    auto dot = ts.find('.');
    if (dot == std::string_view::npos) return UINT64_MAX;
    std::from_chars(ts.data(), ts.data() + dot, seconds);
    std::from_chars(ts.data() + dot + 1, ts.data() + ts.size(), micros);
    return (seconds - ts_base) * 1'000'000 + micros;
}

std::string user_json(std::string_view id) {
    return fmt::format(
        R"({{"id":"{0}","team_id":"T0BENCH","name":"{0}","deleted":false,"real_name":"{0}","tz":"Europe/Vienna",)"
        R"("profile":{{"display_name":"{0}","real_name":"{0}","email":"{0}@bench.example","team":"T0BENCH"}},)"
        R"("is_admin":false,"is_owner":false,"is_primary_owner":false,"is_restricted":false,)"
        R"("is_ultra_restricted":false,"is_bot":false,"is_app_user":false,"is_stranger":false,)"
        R"("is_email_confirmed":true,"updated":1795000000}})",
        id);
}

std::string clicker_name(std::size_t clicker) {
    return fmt::format("U0P{:03}", clicker % clickers);
}

// Finds a call's arguments, whichever way the bot sent them.
class Arguments {
  public:
    Arguments(const HttpMessage& message) : body_(message.body), query_(message.target()) {
        auto mark = query_.find('?');
        query_ = mark == std::string_view::npos ? std::string_view{} : query_.substr(mark + 1);
    }
    bool json() const { return body_.starts_with('{'); }
    std::string text(std::string_view name) const {
        if (json()) return std::string{inside_quotes(member(body_, name))};
        return has_form_field(body_, name) ? form_field(body_, name) : form_field(query_, name);
    }
    // Returns an argument as a JSON value: what a form carries as text becomes a string where `is_text`.
    std::string raw(std::string_view name, bool is_text) const {
        if (json()) return std::string{member(body_, name)};
        if (!has_form_field(body_, name)) return {};
        auto value = form_field(body_, name);
        return is_text ? quoted(value) : value;
    }
    bool has(std::string_view name) const {
        return json() ? !member(body_, name).empty() : has_form_field(body_, name);
    }
    bool has_buttons() const {
        return body_.find(R"("type":"actions")") != std::string_view::npos ||
               body_.find("%22type%22%3A%22actions%22") != std::string_view::npos;
    }

  private:
    std::string_view body_;
    std::string_view query_;
};

std::string everybody() {
    std::string members = user_json("U0REQ");
    for (std::size_t i = 0; i < clickers; ++i) members += "," + user_json(clicker_name(i));
    return fmt::format(
        R"({{"ok":true,"members":[{}],"cache_ts":1795000000,"response_metadata":{{"next_cursor":""}}}})",
        members);
}

std::string group_members() {
    std::string users;
    for (std::size_t i = 0; i < clickers; ++i)
        users += fmt::format("{}\"{}\"", i == 0 ? "" : ",", clicker_name(i));
    return fmt::format(R"({{"ok":true,"users":[{}]}})", users);
}

}  // namespace

void Workspace::received(Connection& connection, Nanos at) {
    while (!connection.websocket) {
        HttpMessage message;
        auto parsed = parse_message(connection.input(), scratch_, message);
        if (parsed == Parsed::partial) return;
        if (parsed == Parsed::broken) return connection.close();
        http(connection, message, at);
        connection.consume(message.bytes);
    }
    frames(connection, at);
}

void Workspace::closed(Connection& connection) {
    std::erase(sockets_, &connection);
}

void Workspace::http(Connection& connection, const HttpMessage& message, Nanos at) {
    auto path = message.target().substr(0, message.target().find('?'));
    if (!header(message.head, "sec-websocket-key").empty()) return upgrade(connection, message);
    ++calls_;
    std::string body = "ok";
    if (path.starts_with("/api/")) body = answer(path.substr(5), message, at);
    std::string_view scopes = path == "/api/auth.test" ? "x-oauth-scopes: " : "";
    fmt::format_to(
        std::back_inserter(connection.output()),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n{}{}{}Content-Length: "
        "{}\r\n\r\n{}",
        scopes, scopes.empty() ? std::string_view{} : granted_scopes, scopes.empty() ? "" : "\r\n",
        body.size(), body);
}

std::string Workspace::answer(std::string_view method, const HttpMessage& message, Nanos at) {
    if (method == "chat.update") return update(message, at);
    if (method == "chat.postMessage") return post(message);
    Arguments arguments{message};
    if (method == "users.info")
        return fmt::format(R"({{"ok":true,"user":{}}})", user_json(arguments.text("user")));
    if (method == "apps.connections.open")
        return fmt::format(R"({{"ok":true,"url":"ws:\/\/127.0.0.1:{}\/link\/?ticket={}&app_id=A0BENCH"}})",
                           port_, ++tickets_);
    if (method == "auth.test")
        return R"({"ok":true,"url":"https://bench.slack.example/","team":"Bench","user":"approvals",)"
               R"("team_id":"T0BENCH","user_id":"U0BOT","bot_id":"B0BOT","app_id":"A0BENCH",)"
               R"("is_enterprise_install":false})";
    if (method == "users.list") return everybody();
    if (method == "usergroups.users.list") return group_members();
    if (method == "usergroups.list") return R"({"ok":true,"usergroups":[]})";
    if (method == "conversations.info")
        return fmt::format(
            R"({{"ok":true,"channel":{{"id":"{}","name":"ops","is_channel":true,"is_private":false,"is_im":false,)"
            R"("is_mpim":false,"is_shared":false,"is_ext_shared":false,"is_org_shared":false,)"
            R"("is_pending_ext_shared":false,"is_archived":false,"is_member":true}}}})",
            arguments.text("channel"));
    if (method == "users.conversations" || method == "conversations.list")
        return R"({"ok":true,"channels":[{"id":"C0OPS","name":"ops","is_member":true}],)"
               R"("response_metadata":{"next_cursor":""}})";
    if (method == "conversations.history" || method == "conversations.replies")
        return R"({"ok":true,"messages":[],"has_more":false})";
    if (method == "chat.postEphemeral") return R"({"ok":true,"message_ts":"1795000000.000000"})";
    if (method == "views.open" || method == "views.update" || method == "views.push")
        return R"({"ok":true,"view":{"id":"V0BENCH","hash":"1795000000.bench"}})";
    return R"({"ok":false,"error":"unknown_method"})";
}

std::string Workspace::post(const HttpMessage& message) {
    Arguments arguments{message};
    auto index = messages_.size();
    auto& posted = messages_.emplace_back();
    ++posts_;
    posted.channel = arguments.text("channel");
    // A line in a thread is not a card, so nothing of it is needed again.
    if (!arguments.has("thread_ts")) {
        posted.text = arguments.raw("text", true);
        posted.blocks = arguments.raw("blocks", false);
        posted.metadata = arguments.raw("metadata", false);
        if (auto button = find_button(posted.blocks, "approve")) {
            posted.action_id = std::move(button->action_id);
            posted.block_id = std::move(button->block_id);
            posted.value = std::move(button->value);
            open_.push_back(index);
        }
    }
    auto ts = ts_text(first_ts_ + index);
    return fmt::format(
        R"({{"ok":true,"channel":"{0}","ts":"{1}","message":{{"type":"message","user":"U0BOT","bot_id":"B0BOT",)"
        R"("app_id":"A0BENCH","team":"T0BENCH","ts":"{1}"}}}})",
        posted.channel, ts);
}

std::string Workspace::update(const HttpMessage& message, Nanos at) {
    Arguments arguments{message};
    auto ts = arguments.text("ts");
    auto number = ts_number(ts);
    if (number < first_ts_ || number - first_ts_ >= messages_.size())
        return R"({"ok":false,"error":"message_not_found"})";
    auto& card = messages_[number - first_ts_];
    if (card.click != 0 && observer_ != nullptr)
        observer_->card_updated(card.click, !arguments.has_buttons(), at);
    return fmt::format(R"({{"ok":true,"channel":"{}","ts":"{}","text":""}})", card.channel, ts);
}

void Workspace::upgrade(Connection& connection, const HttpMessage& message) {
    fmt::format_to(std::back_inserter(connection.output()),
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: {}\r\n\r\n",
                   websocket_accept(header(message.head, "sec-websocket-key")));
    connection.websocket = true;
    sockets_.push_back(&connection);
    auto hello = fmt::format(
        R"({{"type":"hello","num_connections":{},"connection_info":{{"app_id":"A0BENCH"}},)"
        R"("debug_info":{{"host":"applink-bench","started":"2026-11-20 08:14:02.517","build_number":214,)"
        R"("approximate_connection_time":18060}}}})",
        sockets_.size());
    write_frame(connection.output(), Opcode::text, hello, false);
}

void Workspace::frames(Connection& connection, Nanos at) {
    while (true) {
        Frame frame;
        auto parsed = parse_frame(connection.input_data(), connection.input().size(), frame);
        if (parsed == Parsed::partial) return;
        if (parsed == Parsed::broken || frame.opcode == Opcode::close) return connection.close();
        if (frame.opcode == Opcode::ping)
            write_frame(connection.output(), Opcode::pong, frame.payload, false);
        auto found = frame.payload.find(envelope_prefix);
        if (frame.opcode == Opcode::text && found != std::string_view::npos && observer_ != nullptr) {
            auto digits = frame.payload.substr(found + envelope_prefix.size(), 12);
            std::uint64_t click = 0;
            std::from_chars(digits.data(), digits.data() + digits.size(), click, 16);
            observer_->acknowledged(click, at);
        }
        connection.consume(frame.bytes);
    }
}

void Workspace::ping_all() {
    for (auto* socket : sockets_) write_frame(socket->output(), Opcode::ping, "bench", false);
}

void Workspace::forget() {
    first_ts_ += messages_.size();
    messages_.clear();
    open_.clear();
}

std::size_t Workspace::take_card() {
    auto card = open_.front();
    open_.pop_front();
    return card;
}

void Workspace::click(std::size_t card, std::uint64_t click, std::size_t clicker) {
    messages_[card].click = click;
    if (sockets_.empty()) return;  // the bot hung up, so the click is lost
    auto& socket = *sockets_[next_socket_++ % sockets_.size()];
    write_frame(socket.output(), Opcode::text, payload(card, click, clicker), false);
}

std::string Workspace::payload(std::size_t card, std::uint64_t click, std::size_t clicker) {
    const auto& message = messages_[card];
    auto ts = ts_text(first_ts_ + card);
    auto user = clicker_name(clicker);
    return fmt::format(
        R"({{"envelope_id":"{prefix}{click:012x}","type":"interactive","accepts_response_payload":false,)"
        R"("payload":{{"type":"block_actions","user":{{"id":"{user}","username":"{user}","name":"{user}",)"
        R"("team_id":"T0BENCH"}},"api_app_id":"A0BENCH","token":"deprecated-verification-token",)"
        R"("container":{{"type":"message","message_ts":"{ts}","channel_id":"{channel}","is_ephemeral":false}},)"
        R"("trigger_id":"7904418830214.7214407661.{click:032x}","team":{{"id":"T0BENCH","domain":"bench"}},)"
        R"("enterprise":null,"is_enterprise_install":false,"channel":{{"id":"{channel}","name":"ops"}},)"
        R"("message":{{"type":"message","user":"U0BOT","bot_id":"B0BOT","app_id":"A0BENCH","team":"T0BENCH",)"
        R"("ts":"{ts}","text":{text},{metadata_name}{metadata}{comma}"blocks":{blocks}}},"state":{{"values":{{}}}},)"
        R"("response_url":"http://127.0.0.1:{port}/actions/T0BENCH/{click}/q8Zt0bYw3nXk",)"
        R"("actions":[{{"type":"button","action_id":"{action}","block_id":"{block}","value":"{value}",)"
        R"("style":"primary","text":{{"type":"plain_text","text":"Approve","emoji":false}},)"
        R"("action_ts":"{seconds}.{micros:06}"}}]}}}})",
        fmt::arg("prefix", envelope_prefix), fmt::arg("click", click), fmt::arg("user", user),
        fmt::arg("ts", ts), fmt::arg("channel", message.channel),
        fmt::arg("text", message.text.empty() ? "\"\"" : message.text),
        fmt::arg("metadata_name", message.metadata.empty() ? "" : "\"metadata\":"),
        fmt::arg("metadata", message.metadata), fmt::arg("comma", message.metadata.empty() ? "" : ","),
        fmt::arg("blocks", message.blocks), fmt::arg("port", port_), fmt::arg("action", message.action_id),
        fmt::arg("block", message.block_id), fmt::arg("value", message.value),
        fmt::arg("seconds", ts_base + click / 1'000'000), fmt::arg("micros", click % 1'000'000));
}

}  // namespace bench
