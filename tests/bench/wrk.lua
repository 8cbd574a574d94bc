-- What wrk sends and tells: wrk … -s wrk.lua URL -- BODY TOKENS
--
-- BODY is a file with the body of a POST, TOKENS one with a bearer token a line. The tokens take turns: one analyst may run
-- only a few calls at once. The last line of the output is JSON.
local turns, turn = {}, 0

function init(arguments)
   local file = assert(io.open(arguments[1], "rb"))
   local body = file:read("*a")
   file:close()
   for token in io.lines(arguments[2]) do
      turns[#turns + 1] = wrk.format("POST", nil, {
         ["Authorization"] = "Bearer " .. token,
         ["Content-Type"] = "application/json",
         ["Accept"] = "application/json, text/event-stream",
         ["MCP-Protocol-Version"] = "2025-06-18",
      }, body)
   end
end

function request()
   turn = turn % #turns + 1
   return turns[turn]
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      '\n{"calls":%d,"bytes":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f,"failed":%d}\n',
      summary.requests, summary.bytes, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      e.connect + e.read + e.write + e.status + e.timeout))
end
