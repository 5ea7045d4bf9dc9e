#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "countersign/base/check.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/server/server.hpp"
#include "server/client_limits.hpp"

// The parts of a server that sign and publish its log, and that carry events on from there.
namespace countersign::server {
namespace {

// A key of notes signs in their form alone.
tlog::SignBytes raw_signer(const Signer& signer) {
    return [&signer](std::string_view bytes) -> Result<std::array<std::byte, 64>> {
        auto signature = signer.sign(bytes);
        if (!signature) return pass(signature);
        std::array<std::byte, 64> raw{};
        COUNTERSIGN_CHECK(signature->size() == raw.size());
        std::ranges::copy(std::as_bytes(std::span{*signature}), raw.begin());
        return raw;
    };
}

}  // namespace

tlog::NoteKey log_key(const std::string& origin, const std::array<std::byte, 32>& key) {
    tlog::NoteKey made;
    made.name = origin;
    made.key = key;
    return made;
}

std::string default_origin(std::string_view public_url) {
    // The port is left out: a server that is moved to another one goes on with its log.
    auto url = net::parse_url(public_url);
    return (url ? url->host : std::string("localhost")) + "/log";
}

std::string log_origin(const config::Settings& settings) {
    if (!settings.published_log.origin.empty()) return settings.published_log.origin;
    return default_origin(settings.public_url.empty() ? local_url(settings.listen, 1, false)
                                                      : settings.public_url);
}

std::unique_ptr<evidence::LogPublisher> Server::make_publisher() {
    evidence::LogIdentity identity{
        .key = log_key(settings_.published_log.origin, ed25519_of(keys_.log->public_key())),
        .retired = {},
        .sign = raw_signer(*keys_.log),
        .mark = keys_.mark};
    std::vector<evidence::LoggedKey> logged{{"grant", keys_.grant->public_key(), {}},
                                            {"decision", keys_.decision->public_key(), {}},
                                            {"log", keys_.log->public_key(), {}}};
    for (const auto& key : keys_.retired) {
        logged.push_back({key.name, key.public_key, key.until});
        if (key.name == "log")
            identity.retired.push_back(log_key(identity.key.name, ed25519_of(key.public_key)));
    }
    return evidence::make_log_publisher(std::move(identity), std::move(logged), settings_.published_log.signs,
                                        {.runtime = runtime_, .log = log_, .tree = database_->tree()});
}

void Server::make_streams_out() {
    const auto& out = settings_.stream_out;
    auto url = net::parse_url(settings_.public_url);
    auto add = [&](stream_out::Target target) {
        target.format = out.cloudevents ? stream_out::Format::cloudevents : stream_out::Format::ocsf;
        target.message_bytes_max = out.message_bytes;
        streams_out_.push_back(stream_out::make_stream_out(std::move(target),
                                                           {settings_.public_url, url ? url->host : ""},
                                                           {.runtime = runtime_,
                                                            .log = log_,
                                                            .positions = database_->streams(),
                                                            .roster = roster_,
                                                            .dialer = ground_.network}));
    };
    if (!out.syslog.empty()) {
        stream_out::Target target;
        target.syslog = out.syslog;
        add(std::move(target));
    }
    if (!out.file.empty()) {
        stream_out::Target target;
        target.file = out.file;
        add(std::move(target));
    }
}

void Server::make_witnesses() {
    if (settings_.published_log.witnesses.empty() || !settings_.published_log.signs) return;
    std::vector<evidence::Witness> all;
    for (const auto& [key, url] : settings_.published_log.witnesses)
        all.push_back({tlog::NoteKey::parse(key).value(), url});
    witness_client_ = net::make_http_client(ground_.network, ground_.clock, ground_.timers, ground_.executor,
                                            small_answers);
    witnesses_ = evidence::make_witnesses(
        std::move(all), settings_.published_log.origin,
        {.runtime = runtime_, .tree = database_->tree(), .client = *witness_client_});
}

void Server::make_log_followers() {
    make_streams_out();
    make_witnesses();
    const auto& log = settings_.published_log;
    if (log.daily_folder.empty() && log.daily_channels.empty()) return;
    daily_ = evidence::make_daily_checkpoints(
        {log.daily_folder, log.daily_channels}, log.origin,
        {.runtime = runtime_, .tree = database_->tree(), .positions = database_->streams(), .chats = chats_});
}

}  // namespace countersign::server
