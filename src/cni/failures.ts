import { StateError, LockTimeoutError } from "../state/store.ts";
import { DatapathError, type DatapathFailure } from "../datapath/error.ts";
import { NetlinkError, NetlinkProtocolError } from "../netlink/error.ts";
import { NetlinkFormatError } from "../netlink/attribute.ts";
import { NamespaceError } from "../netns/namespace.ts";
import { SysError } from "../sys/errno.ts";
import { ForeignFileError } from "../sys/files.ts";
import { AssetError } from "../sys/asset.ts";
import { CniError, ErrorCode, asCniError } from "./errors.ts";

/** The code for each kind of DatapathError (docs/configuration.md, "Errors"). */
const CODES: Record<DatapathFailure, ErrorCode> = {
  trunk: ErrorCode.TrunkNotFound,
  assignment: ErrorCode.AnnotationInvalid,
  held: ErrorCode.VlanInUse,
  gateway: ErrorCode.TryAgainLater,
  kernel: ErrorCode.KernelRefused,
  namespace: ErrorCode.NamespaceUnusable,
  config: ErrorCode.InvalidConfig,
};

/** Turns each boundary's own error into the one for the runtime. An error without a code of its own is a bug (999). */
export function toCniError(thrown: unknown): CniError {
  if (thrown instanceof DatapathError) {
    const details = [...thrown.details, ...kernelWords(thrown.cause)];
    return new CniError(CODES[thrown.failure], thrown.message, details.join("\n"), { cause: thrown });
  }
  if (thrown instanceof StateError) {
    return new CniError(ErrorCode.RecordUnusable, thrown.message, thrown.details.join("\n"), {
      cause: thrown,
    });
  }
  const code = codeOf(thrown);
  if (code === undefined || !(thrown instanceof Error)) return asCniError(thrown);
  return new CniError(code, thrown.message, kernelWords(thrown).join("\n"), { cause: thrown });
}

function codeOf(thrown: unknown): ErrorCode | undefined {
  if (thrown instanceof NamespaceError) return ErrorCode.NamespaceUnusable;
  if (thrown instanceof ForeignFileError) return ErrorCode.RecordUnusable;
  if (thrown instanceof AssetError) return ErrorCode.IoFailure;
  if (thrown instanceof LockTimeoutError) return ErrorCode.TryAgainLater;
  const isFromKernel =
    thrown instanceof NetlinkError ||
    thrown instanceof NetlinkProtocolError ||
    thrown instanceof NetlinkFormatError ||
    thrown instanceof SysError;
  return isFromKernel ? ErrorCode.KernelRefused : undefined;
}

/** What the kernel said, beyond the errno that is in the message. */
function kernelWords(thrown: unknown): string[] {
  if (!(thrown instanceof NetlinkError)) return [];
  const { text, offset } = thrown.extended;
  return [
    `kernel: ${thrown.code}${text === undefined ? "" : `: ${text}`}`,
    ...(offset === undefined ? [] : [`at byte ${offset} of the request`]),
  ];
}
