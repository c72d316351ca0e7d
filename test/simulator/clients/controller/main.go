// Makes the calls that AWS's VPC resource controller was seen to make, through the SDK that it uses: controller INSTANCE GROUP
//
// Prints a line for each thing done. Any answer that the controller could not work with ends it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

const (
	tagVLAN    = "vpcresources.k8s.aws/vlan-id"
	tagTrunk   = "vpcresources.k8s.aws/trunk-eni-id"
	tagOwner   = "eks:eni:owner"
	owner      = "eks-vpc-resource-controller"
	maxENIs    = 3 // of m5.large
	branches   = 9 // of m5.large
	attachWait = 60 * time.Second
)

type branch struct {
	eni         string
	association string
	vlan        int32
}

type controller struct {
	api      *ec2.Client
	ctx      context.Context
	instance string
	group    string
	account  string
	subnet   string
	trunk    string
	branches []branch
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	loaded, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(3))
	must(err)
	c := &controller{api: ec2.NewFromConfig(loaded), ctx: ctx, instance: os.Args[1], group: os.Args[2]}
	c.startNode()
	c.startPods()
	c.restart()
	c.stopPods()
	c.collect()
}

// startNode finds the instance and gives it a trunk.
func (c *controller) startNode() {
	node := c.describeInstance()
	c.account = *node.owner
	c.subnet = *node.SubnetId
	subnets, err := c.api.DescribeSubnets(c.ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{c.subnet}})
	must(err)
	demand(*subnets.Subnets[0].CidrBlock != "", "the subnet has no CIDR block")
	index := freeIndex(c.describeInstance())
	done("node found, device index %d is free", index)

	created, err := c.api.CreateNetworkInterface(c.ctx, &ec2.CreateNetworkInterfaceInput{
		SubnetId:          &c.subnet,
		Groups:            []string{c.group},
		Description:       aws.String("aws-k8s-trunk-eni"),
		InterfaceType:     types.NetworkInterfaceCreationTypeTrunk,
		TagSpecifications: tags(map[string]string{tagOwner: owner}),
	})
	must(err)
	c.trunk = *created.NetworkInterface.NetworkInterfaceId
	c.permit(c.trunk)
	attached, err := c.api.AttachNetworkInterface(c.ctx, &ec2.AttachNetworkInterfaceInput{
		DeviceIndex: aws.Int32(index), InstanceId: &c.instance, NetworkInterfaceId: &c.trunk,
	})
	must(err)
	_, err = c.api.ModifyNetworkInterfaceAttribute(c.ctx, &ec2.ModifyNetworkInterfaceAttributeInput{
		NetworkInterfaceId: &c.trunk,
		Attachment: &types.NetworkInterfaceAttachmentChanges{
			AttachmentId: attached.AttachmentId, DeleteOnTermination: aws.Bool(true),
		},
	})
	must(err)
	for wait, end := time.Second, time.Now().Add(attachWait); ; wait *= 2 {
		described, err := c.api.DescribeNetworkInterfaces(c.ctx, &ec2.DescribeNetworkInterfacesInput{
			NetworkInterfaceIds: []string{c.trunk},
		})
		must(err)
		attachment := described.NetworkInterfaces[0].Attachment
		if attachment != nil && attachment.Status == types.AttachmentStatusAttached {
			demand(*attachment.DeleteOnTermination, "the trunk would stay after its instance")
			break
		}
		demand(time.Now().Before(end), "the trunk is not attached after %s", attachWait)
		time.Sleep(wait)
	}
	done("trunk attached")

	var trunks []string
	for _, eni := range c.describeInstance().NetworkInterfaces {
		if eni.InterfaceType != nil && *eni.InterfaceType == "trunk" {
			trunks = append(trunks, *eni.NetworkInterfaceId)
		}
	}
	demand(len(trunks) == 1 && trunks[0] == c.trunk, "the instance shows the trunks %v, not %s", trunks, c.trunk)
	done("instance shows its trunk")
}

// startPods gives branches to pods until the trunk is full.
func (c *controller) startPods() {
	for vlan := int32(1); vlan <= 3; vlan++ {
		b := c.createBranch(vlan)
		must(c.associate(&b, vlan))
		c.branches = append(c.branches, b)
	}
	done("3 pods have branches")

	b := c.createBranch(4)
	demand(code(c.associate(&b, 1)) == "InvalidParameterValue", "VLAN 1 was given twice")
	must(c.associate(&b, 4))
	c.branches = append(c.branches, b)
	done("VLAN 1 is in use, the next free one is not")

	for vlan := int32(5); vlan <= branches; vlan++ {
		b := c.createBranch(vlan)
		must(c.associate(&b, vlan))
		c.branches = append(c.branches, b)
	}
	b = c.createBranch(branches + 1)
	demand(code(c.associate(&b, branches+1)) == "InvalidParameterValue", "the trunk took more than %d branches", branches)
	must(c.delete(b.eni))
	done("trunk full at %d branches", branches)
}

// restart finds the branches again by their tags, page by page.
func (c *controller) restart() {
	c.describeInstance()
	found := map[string]string{}
	pages := 0
	pager := ec2.NewDescribeNetworkInterfacesPaginator(c.api, &ec2.DescribeNetworkInterfacesInput{
		Filters: filters("tag:"+tagTrunk, c.trunk, "subnet-id", c.subnet), MaxResults: aws.Int32(5),
	})
	for pager.HasMorePages() {
		page, err := pager.NextPage(c.ctx)
		must(err)
		pages++
		for _, eni := range page.NetworkInterfaces {
			demand(eni.InterfaceType == types.NetworkInterfaceTypeBranch, "%s is a %s", *eni.NetworkInterfaceId, eni.InterfaceType)
			demand(eni.Attachment == nil, "the branch %s has an attachment", *eni.NetworkInterfaceId)
			found[*eni.NetworkInterfaceId] = tag(eni.TagSet, tagVLAN)
		}
	}
	for _, b := range c.branches {
		demand(found[b.eni] == strconv.Itoa(int(b.vlan)), "the branch %s is tagged with VLAN %q, not %d", b.eni, found[b.eni], b.vlan)
	}
	done("%d branches found again by their tags, on %d pages", len(found), pages)
}

// stopPods takes away the branches; what is gone already is no failure.
func (c *controller) stopPods() {
	first := c.branches[0]
	must(c.disassociate(first.association))
	demand(code(c.disassociate(first.association)) == "InvalidAssociationID.NotFound", "disassociated twice")
	must(c.delete(first.eni))
	for attempt := 1; attempt <= 5; attempt++ {
		demand(code(c.delete(first.eni)) == "InvalidNetworkInterfaceID.NotFound", "deleted %d times", attempt+1)
	}
	done("a pod's branch is gone, and stays so")

	// Without its association's id, a branch can only be deleted outright.
	for _, b := range c.branches[1:] {
		must(c.delete(b.eni))
	}
	done("%d branches deleted outright", len(c.branches)-1)
}

// collect deletes what two looks in a row saw unused.
func (c *controller) collect() {
	left := []string{c.createBranch(1).eni, c.createBranch(2).eni}
	sort.Strings(left)
	for round := 1; round <= 2; round++ {
		var seen []string
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			seen = c.available()
			if len(seen) == len(left) || time.Now().After(end) {
				break
			}
		}
		demand(fmt.Sprint(seen) == fmt.Sprint(left), "round %d saw %v available, not %v", round, seen, left)
	}
	for _, eni := range left {
		must(c.delete(eni))
	}
	done("2 left behind are deleted after two rounds")
}

func (c *controller) available() []string {
	page, err := c.api.DescribeNetworkInterfaces(c.ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: filters("status", "available", "tag:"+tagOwner, owner, "tag:"+tagTrunk, c.trunk), MaxResults: aws.Int32(1000),
	})
	must(err)
	var seen []string
	for _, eni := range page.NetworkInterfaces {
		seen = append(seen, *eni.NetworkInterfaceId)
	}
	sort.Strings(seen)
	return seen
}

type node struct {
	types.Instance
	owner *string
}

func (c *controller) describeInstance() node {
	out, err := c.api.DescribeInstances(c.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{c.instance}})
	must(err)
	return node{out.Reservations[0].Instances[0], out.Reservations[0].OwnerId}
}

// freeIndex is the highest one; each interface shown has to have one.
func freeIndex(n node) int32 {
	used := map[int32]bool{}
	for _, eni := range n.NetworkInterfaces {
		used[*eni.Attachment.DeviceIndex] = true
	}
	for index := int32(maxENIs - 1); index > 0; index-- {
		if !used[index] {
			return index
		}
	}
	demand(false, "no device index is free")
	return 0
}

func (c *controller) createBranch(vlan int32) branch {
	created, err := c.api.CreateNetworkInterface(c.ctx, &ec2.CreateNetworkInterfaceInput{
		SubnetId:    &c.subnet,
		Groups:      []string{c.group},
		Description: aws.String("aws-k8s-branch-eni"),
		TagSpecifications: tags(map[string]string{
			tagVLAN: strconv.Itoa(int(vlan)), tagTrunk: c.trunk, tagOwner: owner,
			"node.k8s.amazonaws.com/instance_id": c.instance, "kubernetes.io/cluster/test": "owned",
		}),
	})
	must(err)
	eni := created.NetworkInterface
	// All that the pod's annotation needs is taken from this answer.
	demand(*eni.MacAddress != "" && *eni.PrivateIpAddress != "", "no address in the answer to a create")
	c.permit(*eni.NetworkInterfaceId)
	return branch{eni: *eni.NetworkInterfaceId, vlan: vlan}
}

func (c *controller) permit(eni string) {
	out, err := c.api.CreateNetworkInterfacePermission(c.ctx, &ec2.CreateNetworkInterfacePermissionInput{
		NetworkInterfaceId: &eni, AwsAccountId: &c.account, Permission: types.InterfacePermissionTypeInstanceAttach,
	})
	must(err)
	demand(*out.InterfacePermission.NetworkInterfaceId == eni, "a permission for another ENI")
}

func (c *controller) associate(b *branch, vlan int32) error {
	out, err := c.api.AssociateTrunkInterface(c.ctx, &ec2.AssociateTrunkInterfaceInput{
		BranchInterfaceId: &b.eni, TrunkInterfaceId: &c.trunk, VlanId: &vlan,
	})
	if err != nil {
		return err
	}
	demand(*out.InterfaceAssociation.VlanId == vlan, "another VLAN than was asked for")
	b.association = *out.InterfaceAssociation.AssociationId
	return nil
}

func (c *controller) disassociate(association string) error {
	_, err := c.api.DisassociateTrunkInterface(c.ctx, &ec2.DisassociateTrunkInterfaceInput{AssociationId: &association})
	return err
}

func (c *controller) delete(eni string) error {
	_, err := c.api.DeleteNetworkInterface(c.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &eni})
	return err
}

func tags(values map[string]string) []types.TagSpecification {
	list := make([]types.Tag, 0, len(values))
	for key, value := range values {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	return []types.TagSpecification{{ResourceType: types.ResourceTypeNetworkInterface, Tags: list}}
}

func tag(tags []types.Tag, key string) string {
	for _, tag := range tags {
		if *tag.Key == key {
			return *tag.Value
		}
	}
	return ""
}

func filters(pairs ...string) []types.Filter {
	var list []types.Filter
	for at := 0; at < len(pairs); at += 2 {
		list = append(list, types.Filter{Name: aws.String(pairs[at]), Values: []string{pairs[at+1]}})
	}
	return list
}

// code of EC2's refusal; "" when there was none.
func code(err error) string {
	var refused smithy.APIError
	if errors.As(err, &refused) {
		return refused.ErrorCode()
	}
	must(err)
	return ""
}

func done(format string, values ...any) {
	fmt.Printf(format+"\n", values...)
}

func must(err error) {
	demand(err == nil, "%v", err)
}

func demand(so bool, format string, values ...any) {
	if !so {
		fmt.Fprintf(os.Stderr, format+"\n", values...)
		os.Exit(1)
	}
}
