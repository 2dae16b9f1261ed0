// The newest server of the stack. No push package goes with it: its NodeSet shows
// the methods, and nothing is behind them.
import * as opcua from "node-opcua";
import { serve } from "../server.mjs";

await serve(opcua, () => {});
