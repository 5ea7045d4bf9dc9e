#include "config/evidence_settings.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/base/text.hpp"
#include "countersign/core/surface.hpp"
#include "countersign/net/url.hpp"
#include "countersign/tlog/note.hpp"

namespace countersign::config {

// A program by its whole path, and its arguments, parted by blanks: there is no shell and no quoting.
Result<Done> set_signing_command(Settings& settings, const Item& item, const std::string&) {
    auto words = split(item.text, ' ');
    std::erase_if(words, [](const std::string& word) { return word.empty(); });
    if (words.empty() || !words.front().starts_with('/'))
        return wrong(item, "must be the whole path of a program, beginning with /, and its arguments");
    settings.signing_command = std::move(words);
    return Done{};
}

Result<Done> set_signing_command_keys(Settings& settings, const Item& item, const std::string&) {
    constexpr std::array<std::string_view, 3> names{"log", "decision", "grant"};
    for (const auto& name : item.items)
        if (std::ranges::find(names, name) == names.end())
            return wrong(item, "must list log, decision, grant");
    settings.signing_command_keys = item.items;
    return Done{};
}

Result<Done> set_origin(Settings& settings, const Item& item, const std::string&) {
    if (!tlog::valid_key_name(item.text))
        return wrong(item, "must be a name such as approvals.example.com/log, without spaces and plus signs");
    settings.published_log.origin = item.text;
    return Done{};
}

// RFC 5425 §4.1: syslog goes over TLS, and its port is 6514 unless another is said.
Result<Done> set_syslog(Settings& settings, const Item& item, const std::string&) {
    constexpr std::string_view scheme = "tls://";
    constexpr std::string_view sample = "tls://siem.example.com:6514";
    std::string_view rest = item.text;
    if (!rest.starts_with(scheme)) return wrong(item, fmt::format("must begin with tls://, as {}", sample));
    rest.remove_prefix(scheme.size());
    bool plain = !rest.empty() && rest.find_first_of("/?#@ ") == std::string_view::npos;
    if (!plain) return wrong(item, fmt::format("must be a host and a port, as {}", sample));
    auto after_address = rest.rfind(']');
    bool port =
        rest.find(':', after_address == std::string_view::npos ? 0 : after_address) != std::string_view::npos;
    settings.stream_out.syslog = std::string(rest) + (port ? "" : ":6514");
    return Done{};
}

Result<Done> set_stream_format(Settings& settings, const Item& item, const std::string&) {
    if (item.text != "ocsf" && item.text != "cloudevents") return wrong(item, "must be ocsf or cloudevents");
    settings.stream_out.cloudevents = item.text == "cloudevents";
    return Done{};
}

// A collector's base address is completed, as every exporter does.
Result<Done> set_otlp_endpoint(Settings& settings, const Item& item, const std::string&) {
    constexpr std::string_view path = "/v1/traces";
    auto text = std::string(trim(item.text));
    const bool http = text.starts_with("https://") || text.starts_with("http://");
    if (!http || text.find_first_of("?#@ ") != std::string::npos || !net::parse_url(text))
        return wrong(item, "must be the address of a collector of OTLP over HTTP, as http://127.0.0.1:4318");
    while (text.ends_with('/')) text.pop_back();
    settings.otlp.endpoint = text.ends_with(path) ? text : text + std::string(path);
    return Done{};
}

Result<Done> set_otlp_header(Settings& settings, const Item& item, const std::string&) {
    const auto colon = item.text.find(':');
    const bool name = colon != std::string::npos && colon > 0 && item.text.find_first_of(" \t\r\n") > colon;
    const bool line = item.text.find_first_of("\r\n") == std::string::npos;
    if (!name || !line) return wrong(item, "must be one header, as Authorization: Bearer …");
    settings.otlp.header = Secret{item.text};
    return Done{};
}

Result<Done> set_witnesses(Settings& settings, const Item& item, const std::string&) {
    settings.published_log.witnesses.clear();
    for (const auto& text : item.items) {
        auto blank = text.find(' ');
        auto key = tlog::NoteKey::parse(text.substr(0, blank));
        std::string url{blank == std::string::npos ? std::string_view{} : trim(text.substr(blank + 1))};
        bool http = url.starts_with("https://") || url.starts_with("http://");
        if (!key || key->type != tlog::NoteKey::Type::cosignature || !http)
            return wrong(item,
                         fmt::format("must list a witness' key (NAME+ID+KEY, of a cosigner) and its URL, "
                                     "parted by a blank; {} is not that",
                                     visible(text)));
        while (url.ends_with('/')) url.pop_back();
        settings.published_log.witnesses.emplace_back(key->text(), std::move(url));
    }
    return Done{};
}

Result<Done> set_daily_channels(Settings& settings, const Item& item, const std::string&) {
    settings.published_log.daily_channels.clear();
    for (const auto& text : item.items) {
        auto colon = text.find(':');
        const auto* kind = core::chat_kind(std::string_view(text).substr(0, colon));
        if (kind == nullptr || colon == std::string::npos || colon + 1 == text.size())
            return wrong(item, fmt::format("must list channels as CHAT:CHANNEL, slack:#audit; {} is not that",
                                           visible(text)));
        settings.published_log.daily_channels.emplace_back(kind->surface, text.substr(colon + 1));
    }
    return Done{};
}

}  // namespace countersign::config
