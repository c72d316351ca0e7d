/** What strict mode costs where tcp_early_demux is on; a line of the log, in ADD and STATUS. */
export const EARLY_DEMUX_WARNING =
  'net.ipv4.tcp_early_demux is on: TCP probes of kubelet fail for pods in strict mode; set "manageEarlyDemux": true, or switch it off on the node';
