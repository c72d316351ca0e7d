uname -r
ip link add trunk type veth peer name far
ip netns add pod
echo "without an eth0 on the node:"
ip link add link trunk name eth0 netns pod type vlan id 7 && ip -n pod -br link show eth0
ip -n pod link del eth0
ip link add eth0 type veth peer name far0
echo "with an eth0 on the node:"
ip link add link trunk name eth0 netns pod type vlan id 7 && ip -n pod -br link show eth0
echo "under another name:"
ip link add link trunk name branchline7 netns pod type vlan id 7 && ip -n pod link set branchline7 name eth0 && ip -n pod -br link show eth0
